//! Columns as Go's `text/tabwriter` aligns them, which all of these tools print with.

/// Aligns cells that end in tabs. A column is as wide as its widest cell in a run of lines that all
/// have it, plus `padding`, and at least `minwidth`; what follows a line's last tab is no column.
#[must_use]
pub fn align(text: &str, minwidth: usize, padding: usize) -> String {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let mut out = String::with_capacity(text.len() * 2);
    let mut table = Table { lines: &lines, minwidth, padding, widths: Vec::new(), out: &mut out };
    table.format(0, lines.len());
    out
}

struct Table<'a> {
    lines: &'a [Vec<&'a str>],
    minwidth: usize,
    padding: usize,
    widths: Vec<usize>,
    out: &'a mut String,
}

impl Table<'_> {
    /// `Writer.format` of Go's `text/tabwriter/tabwriter.go`.
    fn format(&mut self, mut from: usize, to: usize) {
        let column = self.widths.len();
        let mut line = from;
        while line < to {
            if column + 1 >= self.lines[line].len() {
                line += 1;
                continue;
            }
            self.print(from, line);
            from = line;
            let mut width = self.minwidth;
            while line < to && column + 1 < self.lines[line].len() {
                width = width.max(self.lines[line][column].chars().count() + self.padding);
                line += 1;
            }
            self.widths.push(width);
            self.format(from, line);
            self.widths.pop();
            from = line;
        }
        self.print(from, to);
    }

    fn print(&mut self, from: usize, to: usize) {
        for line in &self.lines[from..to] {
            for (index, cell) in line.iter().enumerate() {
                self.out.push_str(cell);
                if index + 1 < line.len()
                    && let Some(width) = self.widths.get(index)
                {
                    let blank = width.saturating_sub(cell.chars().count());
                    self.out.extend(std::iter::repeat_n(' ', blank));
                }
            }
            self.out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::align;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        assert_eq!(align("a\tbbb\tc\naaaa\tb\tc\n", 0, 2), "a     bbb  c\naaaa  b    c\n");
        assert_eq!(align("a\tb\n", 6, 3), "a     b\n");
    }

    #[test]
    fn a_line_without_the_column_ends_it() {
        assert_eq!(align("aaaa\tb\nplain\nc\td\n", 0, 1), "aaaa b\nplain\nc d\n");
    }
}
