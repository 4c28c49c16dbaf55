"use strict";
// Fetch the page every five seconds, and show its figures in place of the old ones; what has the focus keeps it. Moments
// are shown in the reader's time zone.

const EVERY = 5000, LONGEST = 15000;

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
const DAY = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };

function showLocalTimes() {
  for (const element of document.querySelectorAll("time[datetime]")) {
    const then = new Date(element.getAttribute("datetime"));
    const today = then.toDateString() === new Date().toDateString();
    element.textContent = new Intl.DateTimeFormat(undefined, today ? CLOCK : DAY).format(then);
  }
}

async function renew() {
  const lost = document.getElementById("lost");
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(LONGEST) });
    if (!answer.ok) throw new Error(String(answer.status));
    const latest = new DOMParser().parseFromString(await answer.text(), "text/html");
    const focused = document.activeElement?.getAttribute("href");
    document.title = latest.title;
    document.querySelector("main").replaceWith(latest.querySelector("main"));
    showLocalTimes();
    if (focused) [...document.querySelectorAll("main a")].find((link) => link.getAttribute("href") === focused)?.focus();
    lost.textContent = "";
  } catch {
    lost.textContent = "The fleet does not answer: it has ended, or cannot be reached from here. These are its last figures.";
  }
}

showLocalTimes();
setInterval(() => { if (!document.hidden) renew(); }, EVERY);
