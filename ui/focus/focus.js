// Puts the cursor into the first text field of a keyed container, once per `data.once`, where there is a real keyboard.
export default function (component) {
  const { data, parentElement } = component
  const host = parentElement.host ?? parentElement
  if (host.dataset.once === data.once || !matchMedia("(pointer: fine)").matches) return
  host.dataset.once = data.once
  const find = () => document.querySelector(`.st-key-${CSS.escape(data.container)} input`)
  const focus = left => {
    const field = find()
    if (field) field.focus()
    else if (left) setTimeout(() => focus(left - 1), 60)
  }
  setTimeout(() => focus(5), 60)
}
