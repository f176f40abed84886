#!/usr/bin/env node
// Makes src/geo/airports-table.ts from the npm package airport-data-js (CC BY 4.0), which is not a dependency:
//
//   npm install --no-save airport-data-js && node scripts/airports.mjs
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const { getAirportsByType } = createRequire(import.meta.url)('airport-data-js');
const file = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'src/geo/airports-table.ts');

const rows = [];
for (const [type, size] of [['large_airport', 'L'], ['medium_airport', 'M']]) {
  for (const airport of await getAirportsByType(type)) {
    const { iata, country_code: country, continent } = airport;
    const [latitude, longitude] = [Number(airport.latitude), Number(airport.longitude)];
    const whole = /^[A-Z]{3}$/.test(iata) && /^[A-Z]{2}$/.test(country) && /^[A-Z]{2}$/.test(continent) && Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180;
    if (whole && (size === 'L' || airport.scheduled_service === 'TRUE')) rows.push([iata, country, continent, latitude.toFixed(2), longitude.toFixed(2), size].join(' '));
  }
}
const sorted = [...new Map(rows.map((row) => [row.slice(0, 3), row]).reverse()).values()].sort();
writeFileSync(file, `// Airports by their IATA codes: country, continent, latitude, longitude, size (L, M). Made by scripts/airports.mjs; not to be edited.
//
// Facts from airport-data-js (https://github.com/aashishvanand/airport-data-js), CC BY 4.0; selected, rounded and reordered.
export const airportsTable = \`
${sorted.join('\n')}
\`;
`);
process.stdout.write(`${sorted.length} airports\n`);
