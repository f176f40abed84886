// A streaming distribution's configuration: what is filled in and what is refused.
import { streamingFactsOf } from '../../../src/model/facts';
import { streamingReferencesOf } from '../../../src/model/references';
import { prepareStreamingDistributionConfig } from '../../../src/model/streaming-distribution';
import { context, streamingBreaches, streamingConfig } from '../../fixtures/configs';

test('the least configuration is echoed whole, and accepted unchanged', () => {
  const { TrustedSigners: _signers, ...least } = streamingConfig();
  const prepared = prepareStreamingDistributionConfig(least as ReturnType<typeof streamingConfig>, context);
  expect(prepared).toEqual({
    ...streamingConfig(), Aliases: { Quantity: 0 }, Logging: { Enabled: false, Bucket: '', Prefix: '' }, PriceClass: 'PriceClass_All',
  });
  expect(prepareStreamingDistributionConfig(prepared, context)).toEqual(prepared);
});

test.each(streamingBreaches().map((breach) => [breach.code, breach.what, breach.config] as const))('%s: %s', (code, _what, config) => {
  expect(() => prepareStreamingDistributionConfig(config, context)).toThrow(expect.objectContaining({ code }));
});

test('facts and references', () => {
  const config = { ...streamingConfig(), S3Origin: { DomainName: 'Media.example.com', OriginAccessIdentity: 'origin-access-identity/cloudfront/EIDENTITY00001' } };
  expect(streamingFactsOf(prepareStreamingDistributionConfig(config, context), context.limits)).toEqual({
    enabled: true, aliases: [], origins: [{ originId: 'S3Origin', domainName: 'media.example.com', originPath: '' }], geo: { type: 'none', locations: [] },
    connectionMode: 'direct', references: [{ kind: 'origin-access-identity', id: 'EIDENTITY00001', usersMax: null }],
  });
  expect(streamingReferencesOf(config)).toEqual([{ kind: 'origin-access-identity', id: 'EIDENTITY00001' }]);
});

test('signers: the account itself, or key groups, which are then referred to', () => {
  const group = '0a1b2c3d-0000-4000-8000-0123456789ab';
  const withSigners = (...Items: string[]): ReturnType<typeof streamingConfig> => ({ ...streamingConfig(), TrustedSigners: { Enabled: true, Quantity: Items.length, Items } });
  const known = { ...context, exists: (kind: string, id: string) => kind === 'key-group' && id === group };
  expect(prepareStreamingDistributionConfig(withSigners(group, 'self'), known).TrustedSigners).toEqual({ Enabled: true, Quantity: 2, Items: [group, 'self'] });
  expect(streamingReferencesOf(withSigners(group, 'self'))).toEqual([{ kind: 'key-group', id: group }, { kind: 'trusted-signer', id: 'self' }]);
  const refused = expect.objectContaining({ code: 'TrustedSignerDoesNotExist' });
  expect(() => prepareStreamingDistributionConfig(withSigners('0a1b2c3d-0000-4000-8000-ffffffffffff'), known)).toThrow(refused);
  expect(() => prepareStreamingDistributionConfig({ ...streamingConfig(), TrustedSigners: { Enabled: false, Quantity: 1, Items: [group] } }, known)).toThrow(expect.objectContaining({ code: 'InvalidArgument' }));
});
