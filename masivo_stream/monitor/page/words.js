"use strict";
// Numbers and times as people read them. Times come as Unix seconds and are shown in the reader's time zone.

const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu;

const LONGEST = 240;

/** Text from outside: shortened, and without marks that hide or reverse text (like `core.redact.printable`). */
function printable(text) {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST - 60)}…${text.slice(-59)}` : text;
  return short.replace(UNSAFE, (mark) => "\\u" + mark.codePointAt(0).toString(16).padStart(4, "0"));
}

function count(number) {
  return Math.round(number).toLocaleString("en");
}

/** A number with its significant digits. */
function brief(number) {
  if (number >= 100 || Number.isInteger(number)) return count(number);
  return number >= 10 ? number.toFixed(1) : number >= 1 ? number.toFixed(2) : String(Number(number.toPrecision(2)));
}

function plural(number, word) {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}

function bytes(number) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (number >= 1000 && unit < units.length - 1) { number /= 1000; unit++; }
  return `${brief(unit ? number : Math.round(number))} ${units[unit]}`;
}

function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  if (minutes) return minutes < 10 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  return `${whole} s`;
}

/** The rest of a wait; with tenths if it is less than a minute. */
function countdown(seconds) {
  return seconds < 60 ? `${Math.max(0, seconds).toFixed(1)} s` : duration(seconds);
}

/** A window's length: `5 s`, `hour`. */
function span(seconds) {
  const named = { 1: "second", 60: "minute", 3600: "hour", 86400: "day" };
  if (named[seconds]) return named[seconds];
  for (const [length, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= length && seconds % length === 0) return `${seconds / length} ${unit}`;
  }
  return `${brief(seconds)} s`;
}

function clockTime(moment, seconds = false) {
  const form = { hour: "2-digit", minute: "2-digit", hour12: false, ...(seconds ? { second: "2-digit" } : {}) };
  return new Date(moment * 1000).toLocaleTimeString("en-GB", form);
}

/** A time of day, with its date if that is not the day of `now`. */
function when(moment, now) {
  const [day, today] = [new Date(moment * 1000), new Date(now * 1000)];
  if (day.toDateString() === today.toDateString()) return clockTime(moment);
  return `${day.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" })}, ${clockTime(moment)}`;
}
