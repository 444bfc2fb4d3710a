/**
 * A payload may be a reference to storage outside of Temporal. The SDK looks for references before any converter of ours sees a payload, and
 * what it cannot resolve fails the task for ever, so one signal could stop a campaign. orrery keeps nothing in such storage: a reference
 * stands for a payload that nobody can read, and is refused or ignored as such.
 */
import { ExternalStorage, type Payload, type StorageDriver } from '@temporalio/common';
import { ProtobufJsonPayloadConverter } from '@temporalio/common/lib/protobufs.js';

const REFERENCE = 'temporal.api.sdk.v1.ExternalStorageReference';
/** Encoding that no converter knows. */
const UNREADABLE: Payload = { metadata: { encoding: new TextEncoder().encode('orrery/reference') } };

/** Answers for every storage that a reference may name. */
const nobody: StorageDriver = {
  name: 'nobody',
  type: 'orrery.nobody',
  store: () => Promise.reject(new Error('orrery keeps no payload outside of Temporal')),
  retrieve: async (_context, claims) => claims.map(() => UNREADABLE),
};

class NoStorage extends ExternalStorage {
  constructor() {
    super({ drivers: [nobody], driverSelector: () => null });
  }
  override getDriver(): StorageDriver {
    return nobody;
  }
}

/** `externalStorage` of a worker's data converter. */
export function noStorage(): ExternalStorage {
  acceptMalformedReferences();
  return new NoStorage();
}

const PATCHED = Symbol.for('orrery.malformedReferences');

/**
 * The SDK asks for the driver only after it has parsed the reference, and has no setting for one that does not parse (seen in 1.24.0). So
 * the parser, which orrery uses for nothing else, answers for those.
 */
function acceptMalformedReferences(): void {
  const converter = ProtobufJsonPayloadConverter.prototype as ProtobufJsonPayloadConverter & { [PATCHED]?: true };
  if (converter[PATCHED]) return;
  const { fromPayload } = converter;
  converter[PATCHED] = true;
  converter.fromPayload = function <T>(this: ProtobufJsonPayloadConverter, payload: Payload): T {
    if (!isReference(payload)) return fromPayload.call(this, payload) as T;
    try {
      const reference = fromPayload.call(this, payload) as { driverName?: string };
      if (reference.driverName) return reference as T;
    } catch {
      // Told by its marker.
    }
    return { driverName: nobody.name, claimData: {} } as T;
  };
}

function isReference({ metadata }: Payload): boolean {
  const type = metadata?.messageType;
  return type !== undefined && type !== null && new TextDecoder().decode(type) === REFERENCE;
}
