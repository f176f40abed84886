// Routing by path, and by query where paths are shared; what looks like a mark of the document's own is no way in.
import { Fault } from '../../../src/base/fault';
import { createRoutes, type Routes } from '../../../src/api/routes';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../fixtures/refparser'));

let routes: Routes;
beforeAll(async () => { routes = await createRoutes(); });

function match(method: string, target: string): unknown {
  const [path = '', query = ''] = target.split('?');
  try {
    return routes.match(method, path, new URLSearchParams(query));
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.kind;
    throw thrown;
  }
}

const route = (operationId: string, pathParams: Record<string, string> = {}): object => ({ operationId, pathParams });

test.each([
  ['GET', '/2020-05-31/distribution', route('ListDistributions')],
  ['GET', '/2020-05-31/distribution/', route('ListDistributions')],
  ['GET', '/2020-05-31/distribution/E1', route('GetDistribution', { Id: 'E1' })],
  ['GET', '/2020-05-31/distribution/E%2F1%20%C3%A9', route('GetDistribution', { Id: 'E/1 é' })],
  ['GET', '/2020-05-31/distribution/E1/config', route('GetDistributionConfig', { Id: 'E1' })],
  ['GET', '/2020-05-31/distribution/E1/invalidation/I1', route('GetInvalidation', { DistributionId: 'E1', Id: 'I1' })],
  ['POST', '/2020-05-31/distribution', route('CreateDistribution')],
  ['POST', '/2020-05-31/distribution?WithTags', route('CreateDistributionWithTags')],
  ['POST', '/2020-05-31/distribution?WithTags=1', route('CreateDistribution')],
  ['GET', '/2020-05-31/distribution?WithTags', route('ListDistributions')],
  ['POST', '/2020-05-31/tagging?Operation=Tag&Resource=a', route('TagResource')],
  ['POST', '/2020-05-31/tagging?Resource=a&Operation=Untag', route('UntagResource')],
  ['POST', '/2020-05-31/tagging', 'MethodNotAllowed'],
  ['GET', '/edgefront/v1/nodes', route('ListNodes')],
  ['DELETE', '/edgefront/v1/nodes', 'MethodNotAllowed'],
  ['get', '/2020-05-31/distribution#WithTags', 'UnknownOperationException'],
  ['POST', '/2020-05-31/distribution#WithTags', 'UnknownOperationException'],
  ['GET', '/2020-05-31/distribution/%', 'UnknownOperationException'],
  ['GET', '/2020-05-31/distribution//config', 'UnknownOperationException'],
  ['GET', '/2020-05-31', 'UnknownOperationException'],
  ['GET', '/', route('GetHome')],
  ['BREW', '/2020-05-31/distribution', 'MethodNotAllowed'],
])('%s %s', (method, target, expected) => {
  expect(match(method, target)).toEqual(expected);
});
