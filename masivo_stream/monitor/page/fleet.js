"use strict";
// Fetch the page every five seconds, and show its figures in place of the old ones; what has the focus keeps it.

const EVERY = 5000, LONGEST = 15000;

async function renew() {
  const lost = document.getElementById("lost");
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(LONGEST) });
    if (!answer.ok) throw new Error(String(answer.status));
    const latest = new DOMParser().parseFromString(await answer.text(), "text/html");
    const focused = document.activeElement?.getAttribute("href");
    document.title = latest.title;
    document.querySelector("main").replaceWith(latest.querySelector("main"));
    if (focused) [...document.querySelectorAll("main a")].find((link) => link.getAttribute("href") === focused)?.focus();
    lost.textContent = "";
  } catch {
    lost.textContent = "The fleet does not answer: it has ended, or cannot be reached from here. These are its last figures.";
  }
}

setInterval(() => { if (!document.hidden) renew(); }, EVERY);
