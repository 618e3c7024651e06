"use strict";
(() => {
  const form = document.querySelector(".search");
  const list = document.getElementById("exchange-list");
  if (form && list) {
    const entries = Array.from(list.children, (node) => ({ node, text: node.textContent.toLowerCase() }));
    const text = document.getElementById("exchange-search");
    const action = document.getElementById("exchange-action");
    const failed = document.getElementById("exchange-failed");
    const count = document.getElementById("exchange-count");
    const filter = () => {
      const wanted = text.value.trim().toLowerCase();
      let shown = 0;
      for (const { node, text: content } of entries) {
        const fits = (!wanted || content.includes(wanted))
          && (!action.value || node.dataset.action === action.value)
          && (!failed.checked || node.classList.contains("failed"));
        node.hidden = !fits;
        shown += fits;
      }
      count.value = count.dataset.text.replace("{shown}", shown).replace("{total}", entries.length);
    };
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    filter();
  }
  // Paper cannot unfold: what a printed page needs is opened for printing, and folded again afterwards
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = Array.from(document.querySelectorAll(".canary details:not(.exchange):not([open])"));
    opened.forEach((node) => { node.open = true; });
  });
  window.addEventListener("afterprint", () => { opened.forEach((node) => { node.open = false; }); });
  // A link to a criterion unfolds its measurements
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const fold = target && target.matches("tbody") && target.querySelector("details");
    if (fold) { fold.open = true; }
  };
  window.addEventListener("hashchange", reveal);
  reveal();
})();
