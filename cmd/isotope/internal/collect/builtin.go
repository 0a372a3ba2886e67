package collect

import "strings"

// BuiltinSize is the default number of built-in prompts.
const BuiltinSize = 400

// Builtin returns the first n built-in prompts, or all of them if n is larger. They are short,
// ask for long open answers, and are all different: prompt i is form i about subject i, each
// modulo its number, and both numbers are prime. No model wrote any of it, so it has no mark.
func Builtin(n int) []string {
	n = min(n, len(forms)*len(subjects))
	prompts := make([]string, n)
	for i := range prompts {
		prompts[i] = strings.ReplaceAll(forms[i%len(forms)], "@", subjects[i%len(subjects)])
	}
	return prompts
}

// forms ask for prose, reasoning and stories of several hundred words.
var forms = []string{
	"Explain how @ works to someone who has never seen one. Take your time and give examples.",
	"Think step by step: what would change in a small town if it lost @? Write down your reasoning, then your answer.",
	"Write a short story in which @ plays a part that nobody expects.",
	"Two friends disagree about whether their village needs @. Write their conversation.",
	"What are the most common mistakes people make with @, and how can each be avoided?",
	"Describe the history of @ in four or five paragraphs, from the beginnings to today.",
	"Compare @ of a hundred years ago with one of our time. What was gained, and what was lost?",
	"You have a week and little money to repair @. Plan each day and say why.",
	"Write a letter to a grandchild about the day you first came across @.",
	"A museum opens a room about @. Write the texts for the wall, one for each of six exhibits.",
	"How would you estimate the yearly cost of keeping @? Work through the numbers aloud.",
	"Give a lecture of ten minutes for students on the science behind @.",
	"Make a case for, and then a case against, spending public money on @.",
	"Interview somebody who has worked with @ all their life: ten questions, with full answers.",
	"Describe @ with all five senses, as it is in the early morning.",
	"Which skills does a person need to be in charge of @? Explain each with a situation from daily life.",
	"Invent a game that two children could play around @, with rules and an example of play.",
	"Something about @ has gone wrong and nobody knows why. Go through the possible causes one after another.",
	"Write a guide for visitors from abroad who come across @ for the first time.",
	"How might @ look in fifty years? Give three different futures and say which is the most likely.",
	"Tell the story of @ from the point of view of a stray dog that lives near it.",
	"Draft a speech for the opening of @, warm in tone and without clichés.",
	"What would an engineer, a poet and a tax collector each notice first about @? Let each of them speak.",
}

// subjects are things that fit into every form.
var subjects = []string{
	"a lighthouse", "a public library", "a water mill", "a night market", "a railway station", "a bakery", "a botanical garden",
	"a suspension bridge", "a beehive", "a printing press", "a fishing harbour", "a school kitchen", "a mountain hut", "a bicycle workshop",
	"an orchestra", "a weather station", "a canal lock", "a vineyard", "a fire station", "a pottery kiln", "an observatory",
	"a flea market", "a sailing boat", "a community theatre", "a glacier path", "a hospital laundry", "a chess club", "a wind farm",
	"a pharmacy", "a stone quarry", "a puppet stage", "a tram line", "a seed bank", "a village well", "a swimming pool",
	"a clock tower", "a greenhouse", "a post office", "a blacksmith's forge", "a ferry", "a radio station", "a compost heap",
	"a cheese cellar", "a courtroom", "a mobile clinic", "a hiking trail", "a tailor's shop", "a reservoir", "a planetarium",
	"a city archive", "a cable car", "a dance school", "a salt works", "a bird sanctuary", "a town hall", "a paper mill",
	"a chemistry lab", "a roof garden", "a lost-property office", "an olive grove", "a telephone exchange", "a dry dock", "a carnival",
	"a recycling yard", "a violin maker's bench", "a desert road", "a soup kitchen", "a border crossing", "a coral reef", "a sewing circle",
	"an airport tower", "a toy shop", "a peat bog", "a debating society", "a grain silo", "a film set", "a hot-air balloon",
	"a street crossing", "an aquarium", "a tide pool", "a book bindery", "a sheep farm", "a night bus", "a solar kitchen",
	"a rain gutter", "an antique shop", "a rope bridge", "a language course", "a power cut", "a mushroom farm", "a tunnel",
	"a skating rink", "a pilgrim's inn", "a dovecote", "a barber shop", "a village choir", "a map room",
}
