package llamacpp

// JSONGrammar is the GBNF of one JSON object, with little white space.
const JSONGrammar = `root ::= object
object ::= "{" gap ( pair ( "," gap pair )* )? "}"
pair ::= string ":" gap value gap
array ::= "[" gap ( value gap ( "," gap value gap )* )? "]"
value ::= object | array | string | number | "true" | "false" | "null"
string ::= "\"" char* "\""
char ::= [^"\\\x00-\x1F\x7F] | "\\" ( ["\\/bfnrt] | "u" hex hex hex hex )
hex ::= [0-9a-fA-F]
number ::= "-"? ( "0" | [1-9] [0-9]* ) ( "." [0-9]+ )? ( [eE] [-+]? [0-9]+ )?
gap ::= "" | " " | "\n" [ ]{0,12}
`
