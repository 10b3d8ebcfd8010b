// Coasts and borders of countries, from world-atlas: coarse ones at once, finer ones when the map is near enough to need them.

import type {MultiLineString, MultiPolygon} from 'geojson';
import {feature, mesh} from 'topojson-client';
import type {GeometryCollection, Topology} from 'topojson-specification';
import coarseUrl from 'world-atlas/countries-110m.json?url';
import fineUrl from 'world-atlas/countries-50m.json?url';

export interface Land {
  land: MultiPolygon;
  borders: MultiLineString;
}

type Atlas = Topology<{countries: GeometryCollection; land: GeometryCollection}>;

/** From this scale (pixels in a radian) on the finer coasts are used. */
const FINE_FROM = 1400;

export class Lands {
  private coarse: Land | null = null;
  private fine: Land | null = null;
  private asked = false;

  /** `changed` is called when there is something better to draw. */
  constructor(private readonly changed: () => void) {
    void load(coarseUrl).then((land) => {
      this.coarse = land;
      changed();
    });
  }

  at(scale: number): Land | null {
    if (scale < FINE_FROM) return this.coarse;
    if (!this.asked) {
      this.asked = true;
      load(fineUrl).then(
        (land) => {
          this.fine = land;
          this.changed();
        },
        () => {
          this.asked = false;
        },
      );
    }
    return this.fine ?? this.coarse;
  }
}

async function load(url: string): Promise<Land> {
  const atlas = (await (await fetch(url)).json()) as Atlas;
  // Written by its makers as a collection of one.
  const {features} = feature(atlas, atlas.objects.land);
  return {
    land: {
      type: 'MultiPolygon',
      coordinates: features.flatMap(({geometry}) =>
        geometry.type === 'MultiPolygon' ? geometry.coordinates : geometry.type === 'Polygon' ? [geometry.coordinates] : [],
      ),
    },
    borders: mesh(atlas, atlas.objects.countries, (a, b) => a !== b),
  };
}
