// A text area that tells what is typed at each pause and when it is left. Buttons insert their text at the cursor.
const PAUSE = 250 // ms
const memory = new WeakMap()

function marks(box, data, area, tell) {
  box.replaceChildren(
    ...data.marks.map(mark => {
      const button = document.createElement("button")
      button.type = "button"
      button.textContent = mark.text
      button.title = mark.help
      button.setAttribute("aria-label", `Insert ${mark.text}: ${mark.help}`)
      button.onmousedown = event => event.preventDefault() // the cursor stays in the text
      button.onclick = () => {
        area.setRangeText(mark.text, area.selectionStart, area.selectionEnd, "end")
        area.focus()
        tell(0)
      }
      return button
    })
  )
}

export default function (component) {
  const { data, parentElement, setStateValue } = component
  const area = parentElement.querySelector("textarea")
  const state = memory.get(parentElement) ?? { revision: null, marks: "", told: data.value, timer: 0 }
  memory.set(parentElement, state)
  const send = () => {
    clearTimeout(state.timer)
    if (area.value === state.told) return
    state.told = area.value
    setStateValue("text", area.value)
  }
  const tell = pause => {
    clearTimeout(state.timer)
    state.timer = setTimeout(send, pause)
  }
  if (state.revision !== data.revision) {
    state.revision = data.revision
    area.value = state.told = data.value
  }
  parentElement.querySelector(".label").textContent = data.label
  area.maxLength = data.most
  area.rows = data.rows
  area.oninput = () => tell(PAUSE)
  area.onblur = send
  area.onkeydown = event => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send()
  }
  const shown = JSON.stringify(data.marks)
  if (shown !== state.marks) {
    state.marks = shown
    marks(parentElement.querySelector(".marks"), data, area, tell)
  }
  return () => {
    clearTimeout(state.timer)
    memory.delete(parentElement)
  }
}
