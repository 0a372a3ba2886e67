package report

// noteColours stands on every page with colours.
const noteColours = "The colours show a part of the green list, which is secret: whoever has many such pages can forge the mark. Give the page to those who may know it, or write it with --no-colours."

// noteNoColours stands on a page whose colours were left out.
const noteNoColours = "The colours of the tokens are left out, because they show a part of the green list."

// KeepColours leaves out the colours of tokens, and the curve that follows from them, unless show is
// true. With colours the page says that
// they are secret.
func (p *Page) KeepColours(show bool) *Page {
	coloured := false
	for _, passage := range p.Passages {
		for i := range passage.Tokens {
			coloured = coloured || passage.Tokens[i].Colour != Unscored
			if !show {
				passage.Tokens[i].Colour = Unscored
			}
		}
	}
	if !show {
		p.Evidence = nil // the points of its curve tell how many tokens are green between them
	}
	switch {
	case coloured && show:
		p.Notes = append(p.Notes, noteColours)
	case coloured:
		p.Notes = append(p.Notes, noteNoColours)
	}
	return p
}
