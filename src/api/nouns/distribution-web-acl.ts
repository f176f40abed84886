// The web ACL of a distribution, set and taken away without sending the whole configuration.
import { isWebAcl } from '../../model/distribution';
import { refuse } from '../../model/refusal';
import type { DistributionRow } from '../../store/store';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { findVersion, ifMatchOf } from '../verbs';
import { configOf, distributionNoun, updateDistribution } from './distribution';

async function setWebAcl(call: Call, webAcl: string, parts: OperationParts): Promise<DistributionRow> {
  const noun = { ...distributionNoun(parts), missing: 'EntityNotFound' };
  const current = await findVersion(noun, call.input['Id'], ifMatchOf(call));
  return updateDistribution(current, { ...configOf(current), WebACLId: webAcl }, parts);
}

/** model: AssociateDistributionWebACLRequest.WebACLArn: an ARN, so that ids of WAF Classic are none. */
function webAclArnOf(call: Call): string {
  const arn = call.input['WebACLArn'];
  if (typeof arn !== 'string' || !arn.startsWith('arn:') || !isWebAcl(arn)) refuse('InvalidArgument', 'The parameter WebACLArn is not the ARN of a web ACL.');
  return arn;
}

export function distributionWebAclOperations(parts: OperationParts): OperationTable {
  return {
    AssociateDistributionWebACL: async (call) => {
      const arn = webAclArnOf(call);
      const row = await setWebAcl(call, arn, parts);
      return { Id: row.id, WebACLArn: arn, ETag: row.etag };
    },
    DisassociateDistributionWebACL: async (call) => {
      const row = await setWebAcl(call, '', parts);
      return { Id: row.id, ETag: row.etag };
    },
  };
}
