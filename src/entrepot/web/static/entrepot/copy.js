// Adds a button that copies to every command. Without script, or without a way to copy, the page is complete as it is.

const status = document.getElementById("copying");
const words = status.dataset;

for (const command of document.querySelectorAll(".command")) {
  const text = command.querySelector("pre");
  const button = document.createElement("button");
  button.type = "button";
  button.id = `copy-${command.querySelector("figcaption").id}`;
  button.textContent = words.copy;
  // Its name is "Copy" and then what the command is called, in the page's own words.
  button.setAttribute("aria-labelledby", `${button.id} ${text.getAttribute("aria-labelledby")}`);
  button.addEventListener("click", () => copy(text, button));
  text.before(button);
}

async function copy(text, button) {
  const copied = await write(text);
  button.classList.toggle("done", copied);
  announce(copied ? words.copied : words.failed);
  setTimeout(() => button.classList.remove("done"), 2000);
}

/** Whether the text is in the clipboard now. */
async function write(text) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text.textContent).then(() => true, () => false);
  }
  // Plain http on another machine: browsers hide the clipboard there, but still copy what is selected.
  getSelection().selectAllChildren(text);
  return document.execCommand("copy");
}

/** A status that says what it said before is not read again, so it is emptied first. */
function announce(sentence) {
  status.textContent = "";
  requestAnimationFrame(() => {
    status.textContent = sentence;
  });
}
