"""Reads small CSV reports and sums them up. Cells in "quotes" may hold commas, line breaks and doubled quotes."""


def cells(text):
    """The rows of a report, each a list of text."""
    rows = []
    row = []
    cell = ""
    quoted = False
    for character in text:
        if character == '"':
            quoted = not quoted
            cell += character
        elif character == "," and not quoted:
            row.append(unquoted(cell))
            cell = ""
        elif character == "\n":
            row.append(unquoted(cell))
            rows.append(row)
            row = []
            cell = ""
        else:
            cell += character
    if cell or row:
        rows.append(row + [unquoted(cell)])
    return [row for row in rows if row != [""]]


def unquoted(cell):
    """A cell without its outer quotes, doubled ones made single."""
    if len(cell) >= 2 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell


def records(text):
    """The rows as dictionaries, named by the first row."""
    rows = cells(text)
    if not rows:
        return []
    head, *body = rows
    return [dict(zip(head, row)) for row in body]


def totals(text, by, of):
    """The sum of one column for every value of another, in the order of their first appearance."""
    sums = {}
    for record in records(text):
        sums[record[by]] = sums.get(record[by], 0) + int(record[of])
    return sums
