/** The release of this engine; the package's own version, checked by a test. */
export const release = '0.1.0'
