// Loads packages from the cache folder, so that the checkout holds no node_modules.
import { createRequire } from 'node:module';

/** `require`, as seen from the folder that `install` filled. */
export const load = createRequire(`${process.env.INTEROP_CACHE}/_.cjs`);
