// The day of a clinic: one column per practitioner, free and taken times as buttons.
// Everything shown arrives in `data` and is written with textContent. Offsets are minutes since `data.origin`.
const CELL = 5
const memory = new WeakMap()

function make(tag, className, text) {
  const element = document.createElement(tag)
  if (className) element.className = className
  if (text !== undefined) element.textContent = text
  return element
}

function place(element, offset, minutes) {
  const first = Math.round(offset / CELL) + 1
  element.style.gridRow = `${first} / span ${Math.max(1, Math.round(minutes / CELL))}`
  return element
}

function cell(column, offset, className, label) {
  const button = make("button", className)
  button.type = "button"
  button.tabIndex = -1
  button.dataset.column = column.id
  button.dataset.offset = String(offset)
  button.setAttribute("aria-label", label)
  return button
}

function slot(data, column, free) {
  const button = cell(column, free.at, "slot", `${free.label}, ${column.name}, free: ${data.verb}`)
  button.append(make("span", "", free.label), make("i", "", data.verb))
  button.dataset.kind = "slot"
  return place(button, free.at, data.step)
}

function visit(data, column, taken) {
  const height = (taken.minutes / CELL) * data.cell
  const size = height < 18 ? "thin small" : height < 40 ? "thin" : ""
  const button = cell(column, taken.at, `visit ${taken.tone} ${size}`, taken.label)
  button.title = taken.label
  button.dataset.kind = "visit"
  button.dataset.id = taken.id
  if (taken.alert) button.append(make("i", "", "!"))
  button.append(make("b", "", taken.title), make("span", "", taken.detail))
  if (taken.id === data.chosen) button.classList.add("chosen")
  return place(button, taken.at, taken.minutes)
}

function body(data, column) {
  const box = make("div", "column")
  box.dataset.id = column.id
  for (const [from, until] of column.open) box.append(place(make("div", "open"), from, until - from))
  for (const line of data.lines) box.append(place(make("div", line.full ? "line full" : "line"), line.at, CELL))
  for (const gap of column.gaps) box.append(place(make("div", "note", gap.text), gap.at, gap.minutes))
  for (const free of column.free) box.append(slot(data, column, free))
  for (const taken of column.taken) box.append(visit(data, column, taken))
  return box
}

function gutter(data) {
  const box = make("div", "gutter")
  box.setAttribute("aria-hidden", "true")
  for (const line of data.lines) {
    if (line.shown) box.append(place(make("div", line.full ? "hour full" : "hour", line.label), line.at, data.step))
  }
  return box
}

function head(column) {
  const box = make("div", "head")
  box.append(make("b", "", column.name), make("span", "", column.note))
  box.title = `${column.name} · ${column.note}`
  return box
}

function draw(frame, data) {
  const grid = make("div", data.moving ? "grid moving" : "grid")
  grid.setAttribute("role", "group")
  grid.setAttribute("aria-label", data.title)
  grid.style.gridTemplateColumns = `var(--gutter) repeat(${data.columns.length}, minmax(var(--column), 1fr))`
  grid.style.setProperty("--columns", String(data.columns.length))
  grid.style.setProperty("--cells", String(data.minutes / CELL))
  grid.style.setProperty("--cell", `${data.cell}px`)
  grid.append(make("div", "corner"), ...data.columns.map(head), gutter(data), ...data.columns.map(c => body(data, c)))
  if (data.now !== null) {
    const line = make("div", "now")
    line.style.top = `calc(var(--head) + ${(data.now / CELL) * data.cell}px)`
    grid.append(line)
  }
  frame.replaceChildren(grid)
}

function keyOf(button) {
  return `${button.dataset.column}@${button.dataset.offset}`
}

function nearest(buttons, offset) {
  const distance = b => Math.abs(Number(b.dataset.offset) - offset)
  return buttons.reduce((best, b) => (best && distance(best) <= distance(b) ? best : b), null)
}

function inColumn(frame, id) {
  const found = [...frame.querySelectorAll("button")].filter(b => b.dataset.column === id)
  return found.sort((a, b) => Number(a.dataset.offset) - Number(b.dataset.offset))
}

function beside(frame, data, button, step) {
  const columns = data.columns.map(c => c.id)
  for (let i = columns.indexOf(button.dataset.column) + step; i >= 0 && i < columns.length; i += step) {
    const found = nearest(inColumn(frame, columns[i]), Number(button.dataset.offset))
    if (found) return found
  }
  return null
}

function target(frame, data, button, key) {
  const mine = inColumn(frame, button.dataset.column)
  const at = mine.indexOf(button)
  if (key === "ArrowDown") return mine[at + 1]
  if (key === "ArrowUp") return mine[at - 1]
  if (key === "Home") return mine[0]
  if (key === "End") return mine[mine.length - 1]
  if (key === "ArrowRight") return beside(frame, data, button, 1)
  if (key === "ArrowLeft") return beside(frame, data, button, -1)
  return null
}

function reach(frame, button, focus, quiet = false) {
  for (const other of frame.querySelectorAll('button[tabindex="0"]')) other.tabIndex = -1
  button.tabIndex = 0
  if (focus) button.focus({ preventScroll: quiet })
}

// The place that was used last stays the grid's one tab stop, and has the focus again when nothing else took it.
function restore(frame, data, seen) {
  const buttons = [...frame.querySelectorAll("button")]
  const free = buttons.filter(b => b.dataset.kind === "slot")
  const same = buttons.find(b => keyOf(b) === seen.key)
  const start = same ?? nearest(free.length ? free : buttons, data.now ?? 0)
  const idle = document.activeElement === document.body || document.activeElement?.tagName === "MAIN"
  if (start) reach(frame, start, Boolean(same && (seen.focused || idle)), true)
}

function scroll(frame, data, seen) {
  if (seen.day === data.day) return frame.scrollTo(seen.left, seen.top)
  const at = data.now ?? 0
  frame.scrollTo(0, Math.max(0, (at / CELL) * data.cell - 90))
}

function offsetAt(column, data, event) {
  const y = event.clientY - column.getBoundingClientRect().top
  return Math.floor(y / data.cell / (data.step / CELL)) * data.step
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const frame = parentElement.querySelector(".frame")
  const state = memory.get(parentElement) ?? { text: "", day: null, key: "" }
  memory.set(parentElement, state)
  const text = JSON.stringify(data)
  if (text !== state.text) {
    const active = frame.getRootNode().activeElement
    const seen = { day: state.day, top: frame.scrollTop, left: frame.scrollLeft, key: state.key, focused: Boolean(active) }
    draw(frame, data)
    scroll(frame, data, seen)
    restore(frame, data, seen)
    state.text = text
    state.day = data.day
  }
  frame.onclick = event => {
    const button = event.target.closest("button")
    if (button) {
      state.key = keyOf(button)
      reach(frame, button, true)
      if (button.dataset.kind === "visit") return setTriggerValue("visit", button.dataset.id)
      return setTriggerValue("slot", { column: button.dataset.column, at: Number(button.dataset.offset) })
    }
    const column = event.target.closest(".column")
    if (column) setTriggerValue("slot", { column: column.dataset.id, at: offsetAt(column, data, event) })
  }
  frame.onkeydown = event => {
    const button = event.target.closest("button")
    const next = button && target(frame, data, button, event.key)
    if (!next) return
    event.preventDefault()
    state.key = keyOf(next)
    reach(frame, next, true)
  }
  return () => memory.delete(parentElement)
}
