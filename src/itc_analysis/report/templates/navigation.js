// Find a word anywhere in the report, also in what is folded; follow links into folded parts.
function unfoldTo(element) {
  for (let each = element; each; each = each.parentElement) {
    if (each.tagName === "DETAILS") each.open = true;
  }
  if (element.id && element.tagName === "SECTION") {
    const own = element.querySelector(":scope > details.depth");
    if (own) own.open = true;
  }
}

function goTo(element) {
  unfoldTo(element);
  element.scrollIntoView({ block: "center" });
  if (!element.hasAttribute("tabindex")) element.setAttribute("tabindex", "-1");
  element.focus({ preventScroll: true });
}

function followAddress() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  unfoldTo(target);
  target.scrollIntoView();
}

window.addEventListener("hashchange", followAddress);
followAddress();

const MOST_PLACES = 40;
const SHORTEST = 2;
const search = make("input", { type: "search", placeholder: words.search, "aria-label": words.search });
const places = make("ol", { id: "places", hidden: true });
const told = make("span", { role: "status" });
const box = make("span", {}, search, " ", told, places);

function find() {
  const asked = search.value.trim().toLowerCase();
  places.replaceChildren();
  if (asked.length < SHORTEST) {
    places.hidden = true;
    told.textContent = "";
    return;
  }
  const texts = document.querySelectorAll("main :is(h2, h3, p, li, summary, caption, figcaption, tbody tr)");
  let n = 0;
  for (const element of texts) {
    if (places.contains(element)) continue;
    const text = element.textContent.replace(/\s+/g, " ").trim();
    const start = text.toLowerCase().indexOf(asked);
    if (start < 0) continue;
    n += 1;
    if (n > MOST_PLACES) continue;
    const title = element.closest("section")?.querySelector("h2")?.textContent ?? "";
    const from = Math.max(start - 40, 0);
    const part = `${from ? "…" : ""}${text.slice(from, start + asked.length + 60)}`;
    const button = make("a", { href: "#" }, `${title}: ${part}`);
    button.addEventListener("click", (event) => {
      event.preventDefault();
      places.hidden = true;
      goTo(element);
    });
    places.append(make("li", {}, button));
  }
  places.hidden = n === 0;
  told.textContent = fill(words.found, { n });
}

let waiting = 0;
search.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(find, 150);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") places.hidden = true;
});

const unfold = make("button", { type: "button" }, words.unfold);
unfold.addEventListener("click", () => {
  const folded = [...document.querySelectorAll("main details")];
  const opens = folded.some((each) => !each.open);
  for (const each of folded) each.open = opens;
  unfold.textContent = opens ? words.fold : words.unfold;
});
tools.append(box, unfold);
