/**
 * What `orrery status` costs at least: Temporal's client asks a campaign for its status once, and nothing else is
 * loaded. `node sdk-alone.ts ADDRESS CAMPAIGN`.
 */
import { Client, Connection } from '@temporalio/client';

const [address = '', campaign = ''] = process.argv.slice(2);
const connection = await Connection.connect({ address });
const handle = new Client({ connection }).workflow.getHandle(campaign);
await handle.describe();
await handle.query('status');
await connection.close();
