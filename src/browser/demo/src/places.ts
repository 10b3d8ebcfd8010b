/** The nearest large place, and the small map of the Earth with the player on it. */
import type { Geographic } from "../../src/client/index.ts";
import { COAST, PLACES } from "./world_data.ts";

const RADIANS = Math.PI / 180;
const EARTH_KM = 6371;
const WINDS = ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"] as const;

function distanceKm(a: Geographic, lat: number, lon: number): number {
  const north = Math.sin(((lat - a.lat) * RADIANS) / 2) ** 2;
  const east = Math.sin(((lon - a.lon) * RADIANS) / 2) ** 2;
  return 2 * EARTH_KM * Math.asin(Math.sqrt(north + Math.cos(a.lat * RADIANS) * Math.cos(lat * RADIANS) * east));
}

const windOf = (east: number, north: number): string =>
  WINDS[Math.round(((Math.atan2(east, north) / (2 * Math.PI)) * 8 + 8) % 8) % 8]!;

/** The wind that something lies in which is so far east and north, in letters. */
export const wind = (east: number, north: number): string =>
  windOf(east, north).split("-").map((word) => word[0]!.toUpperCase()).join("");

export function nearestPlace(here: Geographic): string {
  let best = Infinity;
  let nearest = PLACES[0]!;
  for (const place of PLACES) {
    const distance = distanceKm(here, place[1], place[2]);
    if (distance >= best) continue;
    best = distance;
    nearest = place;
  }
  const [name, lat, lon] = nearest;
  if (best < 3) return name;
  const east = (((here.lon - lon + 540) % 360) - 180) * Math.cos(here.lat * RADIANS);
  return `${best < 10 ? best.toFixed(1) : Math.round(best).toLocaleString("en")} km ${windOf(east, here.lat - lat)} of ${name}`;
}

export function coordinates({ lat, lon }: Geographic): string {
  const part = (degrees: number, positive: string, negative: string): string =>
    `${Math.abs(degrees).toFixed(5)}° ${degrees < 0 ? negative : positive}`;
  return `${part(lat, "N", "S")}  ${part(lon, "E", "W")}`;
}

/** Draws the whole Earth, plate carrée, with a dot where the player is. */
export class Globe {
  private readonly context: CanvasRenderingContext2D;
  private drawn = "";

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.context = canvas.getContext("2d")!;
  }

  draw(here: Geographic | null, color: (name: string) => string): void {
    const ratio = window.devicePixelRatio || 1;
    // Only when the dot would be on another pixel, or the colours are others.
    const key = [here?.lat.toFixed(1), here?.lon.toFixed(1), ratio, color("--land")].join();
    if (key === this.drawn) return;
    this.drawn = key;
    const width = 264, height = 132;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const c = this.context;
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    const x = (lon: number): number => ((lon + 180) / 360) * width;
    const y = (lat: number): number => ((90 - lat) / 180) * height;
    c.fillStyle = color("--sea");
    c.fillRect(0, 0, width, height);
    c.beginPath();
    for (const ring of COAST) {
      // What reaches over the date line is drawn on both sides of it.
      for (const shift of [-360, 0, 360]) {
        for (let i = 0; i < ring.length; i += 2) {
          const point = [x(ring[i]! / 100 + shift), y(ring[i + 1]! / 100)] as const;
          if (i === 0) c.moveTo(...point);
          else c.lineTo(...point);
        }
        c.closePath();
      }
    }
    c.fillStyle = color("--land");
    c.strokeStyle = color("--coast");
    c.lineWidth = 0.6;
    c.fill("evenodd");
    c.stroke();
    if (here === null) return;
    c.beginPath();
    c.arc(x(here.lon), y(here.lat), 4.5, 0, 2 * Math.PI);
    c.fillStyle = color("--accent");
    c.strokeStyle = color("--edge");
    c.lineWidth = 2;
    c.fill();
    c.stroke();
  }
}
