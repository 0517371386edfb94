// Suggests names below every <input type="search" data-suggestions="URL"> while somebody types: a combobox with a list
// (ARIA Authoring Practices). Arrows choose, Enter searches, Escape closes. Without script the form works as it is.

const PAUSE = 150; // milliseconds without a key before it is asked
let lists = 0;

for (const input of document.querySelectorAll("input[type=search][data-suggestions]")) {
  suggest(input);
}

function suggest(input) {
  const list = document.createElement("ul");
  let asking = new AbortController();
  let waiting = 0;
  let chosen = -1;
  let typed = "";

  list.id = `suggestions-${++lists}`;
  list.className = "suggestions";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", input.labels?.[0]?.textContent.trim() || input.getAttribute("aria-label"));
  input.after(list);
  input.type = "text"; // a field for searching may not be a combobox
  input.enterKeyHint = "search";
  input.autocomplete = "off";
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"], ["aria-controls", list.id]]) {
    input.setAttribute(name, value);
  }

  input.addEventListener("input", () => {
    clearTimeout(waiting);
    asking.abort();
    if (input.value.trim().length < 2) {
      close();
    } else {
      waiting = setTimeout(ask, PAUSE);
    }
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || list.hidden) {
      return;
    }
    const count = list.children.length;
    if (event.key === "ArrowDown") {
      choose(chosen + 1 < count ? chosen + 1 : -1);
    } else if (event.key === "ArrowUp") {
      choose(chosen === -1 ? count - 1 : chosen - 1);
    } else if (event.key === "Escape") {
      choose(-1);
      close();
    } else {
      return;
    }
    event.preventDefault();
  });
  input.addEventListener("blur", close);
  input.form.addEventListener("submit", close);
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) {
      input.value = option.textContent;
      input.form.requestSubmit();
    }
  });

  async function ask() {
    asking = new AbortController();
    typed = input.value;
    const { signal } = asking;
    try {
      const answer = await fetch(`${input.dataset.suggestions}?q=${encodeURIComponent(typed)}`, { signal, credentials: "omit" });
      const [, names] = answer.ok ? await answer.json() : [typed, []];
      if (!signal.aborted) {
        show(names);
      }
    } catch {
      close(); // nobody answers, or it is not asked any more
    }
  }

  function show(names) {
    chosen = -1;
    list.replaceChildren(...names.map(option));
    input.removeAttribute("aria-activedescendant");
    list.hidden = names.length === 0 || document.activeElement !== input;
    // Below the field, wherever that is within what both are placed in.
    list.style.top = `${input.offsetTop + input.offsetHeight}px`;
    list.style.left = `${input.offsetLeft}px`;
    list.style.width = `${input.offsetWidth}px`;
    input.setAttribute("aria-expanded", String(!list.hidden));
  }

  function option(name, place) {
    const item = document.createElement("li");
    item.id = `${list.id}-${place}`;
    item.textContent = name;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    return item;
  }

  function choose(place) {
    list.children[chosen]?.setAttribute("aria-selected", "false");
    chosen = place;
    const item = list.children[chosen];
    input.value = item ? item.textContent : typed;
    if (item) {
      item.setAttribute("aria-selected", "true");
      item.scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", item.id);
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  }

  function close() {
    clearTimeout(waiting);
    asking.abort();
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }
}
