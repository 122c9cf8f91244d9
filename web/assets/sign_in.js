(() => {
  const password = document.getElementById("password");
  if (!password) return;
  const reveal = document.getElementById("reveal");
  const capslock = document.getElementById("capslock");
  const form = password.form;
  const submit = form.querySelector("[type=submit]");
  reveal.hidden = false;
  reveal.addEventListener("click", () => {
    const shown = password.type === "text";
    password.type = shown ? "password" : "text";
    reveal.textContent = shown ? "Show" : "Hide";
    reveal.setAttribute("aria-pressed", String(!shown));
    password.focus();
  });
  password.addEventListener("keyup", (event) => {
    capslock.hidden = !event.getModifierState?.("CapsLock");
  });
  form.addEventListener("submit", () => {
    password.type = "password";
    submit.setAttribute("aria-busy", "true");
    submit.textContent = "Signing in…";
  });
  window.addEventListener("pageshow", () => {
    submit.removeAttribute("aria-busy");
    submit.textContent = "Sign in";
  });
})();
