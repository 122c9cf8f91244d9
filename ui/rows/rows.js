// A plain table whose rows carry buttons. Everything shown arrives in `data` and is written with textContent.
// Up and down arrows move between the rows' buttons.
const OPEN = "open" // the step that a click anywhere on its row takes
const SHORT = 22 // so many characters stay on one line
const memory = new WeakMap()

function make(tag, className, text) {
  const element = document.createElement(tag)
  if (className) element.className = className
  if (text !== undefined) element.textContent = text
  return element
}

function cell(column, value, isHead) {
  const box = make(isHead ? "th" : "td", column.right ? "right" : undefined)
  if (isHead) box.scope = "row"
  else box.dataset.label = column.label
  if (value === "") return box
  if ((value.text ?? value).length <= SHORT) box.classList.add("short")
  if (typeof value === "string") box.textContent = value
  else box.classList.add("bare")
  if (typeof value !== "string") box.append(make("span", value.alert ? "alert" : `badge ${value.tone}`, value.text))
  return box
}

function actions(row) {
  const box = make("td", "steps")
  for (const step of row.steps) {
    const button = make("button", step.primary ? "primary" : "", step.label)
    button.type = "button"
    button.dataset.id = row.id
    button.dataset.step = step.id
    button.setAttribute("aria-label", `${step.label}: ${row.label}`)
    box.append(button)
  }
  return box
}

function line(columns, row, head) {
  const box = make("tr", row.next ? "next" : "")
  if (row.steps.some(step => step.id === OPEN)) box.classList.add("opens")
  box.dataset.id = row.id
  columns.forEach((column, i) => box.append(cell(column, row.cells[i], i === head)))
  box.append(actions(row))
  return box
}

function head(columns) {
  const row = make("tr")
  for (const column of columns) {
    const box = make("th", column.right ? "right" : "", column.label)
    box.scope = "col"
    row.append(box)
  }
  const last = make("th", "steps")
  last.setAttribute("aria-label", "Actions")
  row.append(last)
  return row
}

function draw(frame, data) {
  const table = make("table")
  const top = make("thead")
  const rest = make("tbody")
  top.append(head(data.columns))
  rest.append(...data.rows.map(row => line(data.columns, row, data.head)))
  table.append(make("caption", "", data.title), top, rest)
  frame.style.setProperty("--height", data.height ? `${data.height}px` : "none")
  frame.replaceChildren(table)
}

function move(frame, button, down) {
  const row = button.closest("tr")
  const at = [...row.querySelectorAll("button")].indexOf(button)
  for (let other = row; (other = down ? other.nextElementSibling : other.previousElementSibling); ) {
    const found = [...other.querySelectorAll("button")]
    if (found.length) return found[Math.min(at, found.length - 1)].focus()
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const frame = parentElement.querySelector(".frame")
  const state = memory.get(parentElement) ?? { text: "" }
  memory.set(parentElement, state)
  const text = JSON.stringify(data)
  if (text !== state.text) {
    const active = frame.getRootNode().activeElement
    const focus = active && { id: active.dataset.id, step: active.dataset.step }
    draw(frame, data)
    if (focus) {
      const found = [...frame.querySelectorAll("button")].filter(b => b.dataset.id === focus.id)
      ;(found.find(b => b.dataset.step === focus.step) ?? found[0])?.focus({ preventScroll: true })
    }
    state.text = text
  }
  frame.onclick = event => {
    const button = event.target.closest("button")
    const row = event.target.closest("tr.opens")
    if (button) setTriggerValue("step", { id: button.dataset.id, step: button.dataset.step })
    else if (row) setTriggerValue("step", { id: row.dataset.id, step: OPEN })
  }
  frame.onkeydown = event => {
    const button = event.target.closest("button")
    if (!button || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return
    event.preventDefault()
    move(frame, button, event.key === "ArrowDown")
  }
  return () => memory.delete(parentElement)
}
