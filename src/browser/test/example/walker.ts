import { Client } from "bluemarble-client";

const client = await Client.join({ url: "http://127.0.0.1:8080", name: "ada", password: "correct horse", register: true });
client.on("joined", (id) => console.log(`${id} comes into view`));
client.on("chat", ({ name, text }) => console.log(`${name}: ${text}`));
client.say("hello");
client.move({ east: 1, heading: 0.25 }); // until something else is wanted
setInterval(() => {
  const { lat, lon } = client.own!.place;
  console.log(`I am at ${lat.toFixed(6)} ${lon.toFixed(6)} and see ${[...client.others()].length} others`);
}, 1000);
