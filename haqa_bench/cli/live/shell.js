// Shows a page in a frame, and asks every two seconds whether it has changed. Of a changed one a second frame is made unseen, at
// the same address and place, which then stands for the first: nothing flickers, and nothing that the reader had chosen is lost.

const PAUSE = 2000;
const place = document.getElementById("place");
const live = document.getElementById("live");
let shown = null;
let state = "";

const frameHash = () => shown?.contentWindow?.location.hash ?? location.hash;
const typing = () => ["INPUT", "SELECT", "TEXTAREA"].includes(shown?.contentDocument?.activeElement?.tagName);

function tell(words) {
  if (live.textContent !== words) live.textContent = words;
}

function loaded(next) {
  if (shown) {
    settle(shown, next);
    shown.remove();
  }
  next.className = "";
  shown = next;
  document.title = next.contentDocument.title;
}

// The theme and the place to which the reader has scrolled.
function settle(old, next) {
  const theme = old.contentDocument.documentElement.dataset.theme;
  const button = next.contentDocument.getElementById("theme");
  if (theme && button) {
    next.contentDocument.documentElement.dataset.theme = theme === "dark" ? "light" : "dark";
    button.click();
  }
  next.contentWindow.scrollTo(old.contentWindow.scrollX, old.contentWindow.scrollY);
}

function load(now) {
  return new Promise((done) => {
    const next = document.createElement("iframe");
    next.className = "next";
    next.title = "The page";
    next.addEventListener("load", () => done(loaded(next)), { once: true });
    next.src = `page?state=${now}${frameHash()}`;
    place.append(next);
  });
}

async function follow() {
  const answer = await fetch("state", { cache: "no-store" });
  const now = (await answer.text()).trim();
  if (now === state) return tell(`Live. Up to date at ${new Date().toLocaleTimeString()}`);
  if (state && typing()) return tell("Live. There is more; it is shown when you have left the field");
  state = now;
  await load(now);
}

async function watch() {
  try {
    if (!document.hidden) await follow();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    tell(`Not live. ${live.dataset.ended}`);
  }
  setTimeout(watch, PAUSE);
}

function keepAddress() {
  if (shown && frameHash() !== location.hash) history.replaceState(null, "", frameHash() || location.pathname);
}

setInterval(keepAddress, 300);
addEventListener("hashchange", () => {
  if (shown) shown.contentWindow.location.hash = location.hash;
});
document.addEventListener("visibilitychange", () => document.hidden || follow().catch(() => {}));
watch();
