// Pages are the same for everybody. When somebody has signed in here, who it is and what is theirs is asked for apart.

if (document.cookie.split("; ").includes("signed-in=yes")) {
  const { project } = document.body.dataset;
  const question = project ? `?${new URLSearchParams({ project })}` : "";
  const answer = await fetch(`/account/whoami/${question}`, { headers: { Accept: "application/json" } });
  if (answer.ok) {
    show(await answer.json());
  }
}

function show({ name, role }) {
  for (const each of document.querySelectorAll("[data-person]")) {
    each.textContent = name ?? each.textContent;
  }
  for (const each of document.querySelectorAll("[data-role]")) {
    each.hidden = !role;
  }
}
