// Screen readers want a name for each landmark, such as the theme's copy buttons stand in, and the keyboard a way into wide tables.
function mend() {
  document.querySelectorAll("nav.md-code__nav:not([aria-label])").forEach((buttons, i) => {
    buttons.setAttribute("aria-label", `Code ${buttons.parentElement.id || i}`);
  });
  document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])").forEach((wide) => wide.setAttribute("tabindex", "0"));
}
new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
mend();
