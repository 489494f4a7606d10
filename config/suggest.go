package config

import "strings"

// nearest returns the candidate that a mistyped word most likely stands for, or "".
func nearest(word string, candidates []string) string {
	best, bestDistance := "", min(len(word)/3, 3)+1
	for _, c := range candidates {
		if plain(c) == plain(word) {
			return c
		}
		if d := distance(word, c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	for _, c := range candidates { // user for username, and warning for warn
		begins := strings.HasPrefix(c, word) || strings.HasPrefix(word, c)
		if best == "" && begins && min(len(word), len(c)) > 3 {
			best = c
		}
	}
	return best
}

// plain makes integratorKey, integrator-key and integrator_key the same word.
func plain(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s))
}

// distance counts the letters to insert, delete, change or swap with a neighbour. Long words are not compared.
func distance(a, b string) int {
	const far = 64
	if len(a) > far || len(b) > far {
		return far
	}
	var d [far + 1][far + 1]int // between the first i and j letters
	for i := range len(a) + 1 {
		for j := range len(b) + 1 {
			if i == 0 || j == 0 {
				d[i][j] = i + j
				continue
			}
			d[i][j] = min(d[i-1][j], d[i][j-1], d[i-1][j-1]) + 1
			if a[i-1] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-1][j-1])
			} else if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
