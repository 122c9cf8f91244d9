// Cards in columns, each with the steps that may come next. Everything shown arrives in `data`, written with textContent.
const PATIENCE = 3000 // milliseconds until a click without an answer may be repeated
const memory = new WeakMap()

function make(tag, className, text) {
  const element = document.createElement(tag)
  if (className) element.className = className
  if (text !== undefined) element.textContent = text
  return element
}

function button(className, card, step, text, label) {
  const element = make("button", className, text)
  element.type = "button"
  element.dataset.id = card.id
  element.dataset.step = step
  element.setAttribute("aria-label", label)
  return element
}

function top(card) {
  const row = make("div", "top")
  row.append(make("span", "time", card.time), button("name", card, "open", card.title, `Open ${card.title}`))
  if (card.badge) row.append(make("span", `badge ${card.badge.tone}`, card.badge.text))
  return row
}

function steps(card) {
  const row = make("div", "steps")
  for (const step of card.steps) {
    const look = step.primary ? "step primary" : "step"
    row.append(button(look, card, step.id, step.label, `${step.label}: ${card.title}`))
  }
  return row
}

function item(card, tone) {
  const box = make("li", `card ${card.tone || tone}${card.next ? " next" : ""}`)
  box.append(top(card))
  if (card.alert) box.append(make("div", "alert", card.alert))
  for (const line of card.lines) box.append(make("div", "line", line))
  if (card.steps.length) box.append(steps(card))
  return box
}

function column(part) {
  const box = make("section", part.first ? `${part.tone} first` : part.tone)
  const head = make("h3")
  head.append(make("span", "", part.title), make("span", "count", String(part.cards.length)))
  if (part.note) head.append(make("span", "note", part.note))
  box.append(head)
  if (!part.cards.length) box.append(make("p", "empty", part.empty))
  const list = make("ul")
  list.append(...part.cards.map(card => item(card, part.tone)))
  if (part.cards.length) box.append(list)
  return box
}

function same(board, id, step) {
  const found = [...board.querySelectorAll("button")].filter(b => b.dataset.id === id)
  return found.find(b => b.dataset.step === step) ?? found[0]
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const board = parentElement.querySelector(".board")
  const state = memory.get(parentElement) ?? { text: "" }
  memory.set(parentElement, state)
  const text = JSON.stringify(data)
  if (text !== state.text) {
    const active = board.getRootNode().activeElement
    const focus = active && { id: active.dataset.id, step: active.dataset.step }
    board.setAttribute("aria-label", data.title)
    board.replaceChildren(...data.columns.map(column))
    if (focus) same(board, focus.id, focus.step)?.focus({ preventScroll: true })
    state.text = text
  }
  board.onclick = event => {
    const clicked = event.target.closest("button")
    if (!clicked) return
    setTriggerValue("step", { id: clicked.dataset.id, step: clicked.dataset.step })
    if (clicked.dataset.step === "open") return
    clicked.disabled = true
    setTimeout(() => (clicked.disabled = false), PATIENCE)
  }
  return () => memory.delete(parentElement)
}
