package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// A prompt is a question of a kind.
type prompt struct{ kind, text string }

// templates are questions with a place for a topic.
var templates = map[string][]string{
	"chat": {"Describe the history of %s.", "Write a blog post about %s with a personal tone.", "Why do people care about %s?",
		"Give advice to somebody who starts with %s.", "Explain %s to a child.", "What is hard about %s?"},
	"reasoning": {"Reason carefully, step by step, about whether %s became more important in the last century.",
		"Think step by step: how many people in a city of 2 million could be involved in %s? Show every step.",
		"Compare %s today and a hundred years ago. Reason step by step."},
	"code": {"Write a Go program that reads a CSV file about %s and prints a summary.", "Write a Python class that keeps records about %s.",
		"Write a JavaScript function that sorts and prints a list about %s, with tests."},
	"french": {"Décris l'histoire de ce sujet : %s. Réponds en français.", "Écris un article de blog sur ce sujet : %s. Réponds en français.",
		"Pourquoi ce sujet est-il important : %s ? Réponds en français."},
}

// topics are disjoint: what a student is trained on, what it is asked, and what the texts are about.
var topics = map[string][]string{
	"texts": {"first aid", "lanterns", "olives", "compasses", "cycling", "pottery", "ferries", "moss", "draughts", "streams", "sundials",
		"marble", "rowing", "felt", "honey", "mines", "pepper", "parchment", "yogurt", "telegraphs"},
	"train": {"typography", "light", "coal", "bread", "chess", "rivers", "gardens", "maps", "clocks", "glass", "sailing", "weaving", "bees",
		"tunnels", "salt", "paper", "cheese", "radio", "elevators", "fountains", "ice", "kites", "lenses", "mills", "opera", "glazes",
		"quilts", "roses", "soap", "trams", "umbrellas", "violins", "windmills", "yoga", "zoos", "archery", "beekeeping", "anchors",
		"barometers", "candles", "deserts", "embroidery", "fables", "gliders", "hedges", "islands", "juggling", "lakes", "magnets", "novels",
		"owls", "puppets", "rainbows", "saddles", "tides", "valleys", "wells", "yeast", "zinc", "acorns", "balloons", "caves", "drums",
		"echoes", "feathers", "geysers", "hats"},
	"ask": {"bridges", "bicycles", "lighthouses", "tea", "stamps", "falcons", "canals", "carpets", "dams", "engines", "forests", "gloves",
		"harbours", "inks", "jazz", "knots", "lace", "mirrors", "needles", "orchards", "pianos", "quarries", "railways", "steel", "towers",
		"vinegar", "wool", "zebras"},
}

// kinds returns the kinds of prompts in order.
func kinds() []string { return slices.Sorted(maps.Keys(templates)) }

// promptsOf returns prompts of each kind in turn, each another pair of template and topic.
func promptsOf(of []string, topic string, texts int, seed uint64) ([]prompt, error) {
	list, ok := topics[topic]
	if !ok {
		return nil, fmt.Errorf("there are no topics %q; give texts, train or ask", topic)
	}
	all := make([]prompt, texts*len(of))
	for k, kind := range of {
		if templates[kind] == nil {
			return nil, fmt.Errorf("%q is not a kind of prompt; give some of %s", kind, strings.Join(kinds(), ", "))
		}
		var pairs []string
		for _, t := range templates[kind] {
			for _, x := range list {
				pairs = append(pairs, fmt.Sprintf(t, x))
			}
		}
		if texts > len(pairs) {
			return nil, fmt.Errorf("there are %d prompts of the kind %s; give at most so many -texts", len(pairs), kind)
		}
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
		for i := range texts {
			all[i*len(of)+k] = prompt{kind, pairs[i]}
		}
	}
	return all, nil
}
