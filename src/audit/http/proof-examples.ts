import { EVENT_EXAMPLE } from '../../http/openapi.js';

const HASH = '3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29';
const KEY = 'ledger.example.com+6f8fcee2+AbhUXL7V6IBMSU2fK1dWEL0tR0eIYNvS1W8Re6XsfA0K';

const { position, ...recorded } = EVENT_EXAMPLE;

export const key = { algorithm: 'Ed25519', name: 'ledger.example.com', verifierKey: KEY };

export const checkpoint = {
  note: [
    'ledger.example.com',
    '1000',
    'O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=',
    'signed-at 2022-10-05T13:00:00.000Z',
    '',
    '\u2014 ledger.example.com b4/O4mVn…',
    '',
  ].join('\n'),
  treeSize: 1000,
  rootHash: HASH,
  position: '1000',
  signedAt: '2022-10-05T13:00:00.000Z',
};

export const status = {
  treeSize: 1001,
  rootHash: HASH,
  position: '1001',
  head: '1003',
  lagEvents: 2,
  lagSeconds: 0.031,
  uncoveredEvents: 1,
  lastCheckpoint: checkpoint,
  failure: null,
  verifierKey: KEY,
};

export const inclusion = {
  event: { ...recorded, previous: HASH },
  canonical: '{"data":{"advertiserId":"advertiser-1",…},"id":"ClickSpent:click-1",…}',
  position,
  hash: HASH,
  leafIndex: 41,
  treeSize: 1000,
  rootHash: HASH,
  path: [HASH],
  checkpoint,
};

export const consistency = {
  from: { treeSize: 500, rootHash: HASH, checkpoint: null },
  to: { treeSize: 1000, rootHash: HASH, checkpoint },
  path: [HASH],
};
