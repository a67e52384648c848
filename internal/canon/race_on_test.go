//go:build race

package canon

// stride thins out the exhaustive tests, which are slow under the race detector.
const stride = 61
