// The same afternoon in Node: readline, ajv for the full schema, undici. node node_ajv.cjs FILE URL
"use strict";
const fs = require("node:fs");
const readline = require("node:readline");
const Ajv = require("ajv");
const addFormats = require("ajv-formats");
const { Pool } = require("undici");

const MAX_EVENTS = 1000;
const IN_FLIGHT = 2;

const text = { type: "string" };
const orNull = { type: ["string", "null"] };
const number = { type: "number" };
const free = { type: "object" };
const time = { type: "string", format: "date-time" };
const redeem = { type: "array", items: { type: "object", properties: { id: { type: "string", format: "uuid" }, amount: number } } };
const product = {
  type: "object",
  required: ["sku", "amount", "value"],
  properties: { sku: text, amount: number, value: number, discounted_value: number, redeem, tags: free, metadata: free },
};
const shipping = { type: "object", properties: { value: number, discounted_value: number, redeem, tags: free, metadata: free } };
const order = {
  type: "object",
  required: ["purchase_id", "value", "discounted_value", "products", "payment_method"],
  properties: {
    purchase_id: text, value: number, discounted_value: number, channel_id: text, store_id: text, shipping, redeem, metadata: free,
    products: { type: "array", minItems: 1, items: product },
    payment_method: { enum: ["CREDIT", "DEBIT", "CASH", "BANK_TRANSFER", "OTHER"] },
  },
};
const event = {
  type: "object",
  required: ["type", "order", "fulfilled", "issued_at", "resolved_at", "brand_id"],
  properties: {
    type: text, order, fulfilled: { type: "boolean" }, issued_at: time,
    resolved_at: { ...time, type: ["string", "null"] }, brand_id: orNull, channel_id: orNull, store_id: orNull,
  },
};
const record = {
  type: "object",
  required: ["id", "events"],
  properties: { id: { type: "string", minLength: 1 }, events: { type: "array", minItems: 1, items: event } },
};

async function main() {
  const [file, url] = process.argv.slice(2);
  const ajv = new Ajv({ allowUnionTypes: true });
  addFormats(ajv);
  const valid = ajv.compile(record);
  const { origin, pathname: path } = new URL(url);
  const pool = new Pool(origin, { connections: IN_FLIGHT });
  const flying = new Set();
  const send = async (batch) => {
    while (flying.size >= IN_FLIGHT) await Promise.race(flying);
    const body = `{"customers":[${batch.join(",")}]}`;
    const one = pool
      .request({ method: "POST", path, body, headers: { "content-type": "application/json" } })
      .then(async (answer) => {
        await answer.body.dump();
        if (answer.statusCode !== 201) throw new Error(`answered ${answer.statusCode}`);
      })
      .finally(() => flying.delete(one));
    flying.add(one);
  };

  let batch = [];
  let events = 0;
  for await (const line of readline.createInterface({ input: fs.createReadStream(file), crlfDelay: Infinity })) {
    const parsed = JSON.parse(line);
    if (!valid(parsed)) {
      console.error(ajv.errorsText(valid.errors));
      continue;
    }
    if (batch.length && events + parsed.events.length > MAX_EVENTS) {
      await send(batch);
      batch = [];
      events = 0;
    }
    batch.push(line);
    events += parsed.events.length;
  }
  if (batch.length) await send(batch);
  await Promise.all(flying);
  await pool.close();
}

main();
