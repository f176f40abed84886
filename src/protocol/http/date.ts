// HTTP dates: written as IMF-fixdate, read in all three forms of RFC 9110 section 5.6.7.

const dayNames = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const longDayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const monthNames = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const day = `(?:${dayNames.join('|')})`;
const month = `(${monthNames.join('|')})`;
const time = '(\\d{2}):(\\d{2}):(\\d{2})';
const imfFixdate = new RegExp(`^${day}, (\\d{2}) ${month} (\\d{4}) ${time} GMT$`);
const rfc850Date = new RegExp(`^(?:${longDayNames.join('|')}), (\\d{2})-${month}-(\\d{2}) ${time} GMT$`);
const asctimeDate = new RegExp(`^${day} ${month} ((?: |\\d)\\d) ${time} (\\d{4})$`);

const YEAR_MS = 365.25 * 86_400_000;

/** `Sun, 06 Nov 1994 08:49:37 GMT`; fractions of a second are cut off. */
export function formatHttpDate(timeMs: number): string {
  return new Date(timeMs).toUTCString();
}

/** Wall time in ms of calendar parts; null when there is no such day or time. A leap second counts as the second after. */
function timeOf(year: number, monthName: string, dayText: string, hours: string, minutes: string, seconds: string): number | null {
  const monthIndex = monthNames.indexOf(monthName);
  const dayOfMonth = Number(dayText);
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 60) return null;
  const midnight = new Date(0);
  // Not Date.UTC: it takes years below 100 for years of the last century.
  midnight.setUTCFullYear(year, monthIndex, dayOfMonth);
  if (midnight.getUTCMonth() !== monthIndex || midnight.getUTCDate() !== dayOfMonth) return null;
  return midnight.getTime() + ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}

/** RFC 9110 section 5.6.7: a two-digit year that seems more than 50 years ahead is the latest past one with these digits. */
function fullYear(twoDigits: number, nowMs: number, timeInYear: (year: number) => number | null): number | null {
  const century = Math.floor(new Date(nowMs).getUTCFullYear() / 100) * 100;
  const time = timeInYear(century + twoDigits);
  if (time !== null && time > nowMs + 50 * YEAR_MS) return timeInYear(century + twoDigits - 100);
  return time;
}

/**
 * Reads an HTTP date. The name of the day must be one, but need not fit the date: recipients are asked to be robust, and
 * nothing depends on it.
 * @param nowMs wall time, decides the century of a two-digit year
 * @returns wall time in ms, or null if `text` is not an HTTP date
 */
export function parseHttpDate(text: string, nowMs: number): number | null {
  const fixed = imfFixdate.exec(text) as string[] | null;
  if (fixed !== null) {
    const [, dayText, monthName, year, hours, minutes, seconds] = fixed as [string, string, string, string, string, string, string];
    return timeOf(Number(year), monthName, dayText, hours, minutes, seconds);
  }
  const old = rfc850Date.exec(text) as string[] | null;
  if (old !== null) {
    const [, dayText, monthName, year, hours, minutes, seconds] = old as [string, string, string, string, string, string, string];
    return fullYear(Number(year), nowMs, (full) => timeOf(full, monthName, dayText, hours, minutes, seconds));
  }
  const c = asctimeDate.exec(text) as string[] | null;
  if (c === null) return null;
  const [, monthName, dayText, hours, minutes, seconds, year] = c as [string, string, string, string, string, string, string];
  return timeOf(Number(year), monthName, dayText, hours, minutes, seconds);
}
