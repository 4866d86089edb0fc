/* A button that sends a form sends it once while the answer is on its way, however often it is pressed. */
(() => {
  "use strict";

  const LONGEST = 10000; /* where a file is the answer, the page stays */
  const pressed = new WeakSet();

  document.addEventListener("submit", (event) => {
    const button = event.submitter || event.target;
    if (event.defaultPrevented || event.target.method !== "post") {
      return;
    }
    if (pressed.has(button)) {
      event.preventDefault();
      return;
    }
    pressed.add(button);
    setTimeout(() => pressed.delete(button), LONGEST);
  });

  /* A page that one comes back to may be sent from again. */
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      document.querySelectorAll("form, [type=submit]").forEach((one) => pressed.delete(one));
    }
  });
})();
