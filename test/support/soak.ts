/** True where the long versions of tests are wanted: `npm run test:soak`. */
export const SOAK = Boolean(process.env['REGIME_SOAK']);
