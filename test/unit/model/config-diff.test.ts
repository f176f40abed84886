// What two configurations differ in: items by their identity, lists of texts whole, the order of what is kept.
import { diffOf } from '../../../src/model/config-diff';

const list = (...Items: unknown[]): object => ({ Quantity: Items.length, Items });

test.each<[string, unknown, unknown, unknown[]]>([
  ['nothing', { A: 1, B: list('x') }, { A: 1, B: list('x') }, []],
  ['a value', { A: { B: 1 } }, { A: { B: 2 } }, [{ path: 'A.B', before: 1, after: 2 }]],
  ['a member that came', {}, { A: false }, [{ path: 'A', after: false }]],
  ['a member that went', { A: '' }, {}, [{ path: 'A', before: '' }]],
  ['a list of texts', { A: list('x') }, { A: list('x', 'y') }, [{ path: 'A.Items', before: ['x'], after: ['x', 'y'] }]],
  ['an item in front of another', { O: list({ Id: 'b', P: 1 }) }, { O: list({ Id: 'a', P: 1 }, { Id: 'b', P: 2 }) },
    [{ path: 'O.Items[b].P', before: 1, after: 2 }, { path: 'O.Items[a]', after: { Id: 'a', P: 1 } }]],
  ['the order alone', { O: list({ Id: 'a' }, { Id: 'b' }) }, { O: list({ Id: 'b' }, { Id: 'a' }) }, [{ path: 'O.Items (order)', before: ['a', 'b'], after: ['b', 'a'] }]],
  ['items that nothing tells apart', { O: list({ X: 1 }) }, { O: list({ X: 2 }) }, [{ path: 'O.Items', before: [{ X: 1 }], after: [{ X: 2 }] }]],
  ['a list that became empty', { O: list({ Id: 'a' }) }, { O: { Quantity: 0 } }, [{ path: 'O.Items', before: [{ Id: 'a' }] }]],
])('%s', (_name, before, after, expected) => {
  // The quantity of a list that lost its items tells nothing new either.
  expect(diffOf(before, after)).toEqual(expected);
});
