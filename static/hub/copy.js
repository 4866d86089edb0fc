/* <button data-copy="text">: puts the text on the clipboard, and says so for a moment. */
(() => {
  "use strict";

  const copied = async (text) => {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text);
      return;
    }
    /* Over plain HTTP there is no clipboard API. */
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) {
      return;
    }
    event.preventDefault();
    await copied(button.dataset.copy);
    const label = button.querySelector("[data-copy-label]");
    const before = label.textContent;
    button.classList.add("hub-copy--done");
    label.textContent = button.dataset.copied;
    setTimeout(() => {
      label.textContent = before;
      button.classList.remove("hub-copy--done");
    }, 1600);
  });
})();
