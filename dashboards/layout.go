package dashboards

const gridWidth = 24

// section is a row: a title and the panels below it, which are set side by side and wrapped when the line is full.
type section struct {
	title  string
	height int // of each panel, in grid units of 38 pixels
	panels []*Panel
}

// layOut numbers the panels and gives each its place.
func layOut(sections []section) []*Panel {
	var all []*Panel
	y := 0
	for _, s := range sections {
		open := false
		all = append(all, &Panel{ID: len(all) + 1, Type: "row", Title: s.title, Collapsed: &open, GridPos: GridPos{H: 1, W: gridWidth, Y: y}})
		y++
		x := 0
		for _, p := range s.panels {
			if x+p.GridPos.W > gridWidth {
				x, y = 0, y+s.height
			}
			p.ID = len(all) + 1
			p.GridPos = GridPos{H: s.height, W: p.GridPos.W, X: x, Y: y}
			x += p.GridPos.W
			all = append(all, p)
		}
		y += s.height
	}
	return all
}
