"""The words that titles, people and descriptions are made of."""

from typing import NamedTuple


class Shelf(NamedTuple):
    """A category: how many books stand there, and the nouns of their titles."""

    name: str
    motto: str
    size: int
    nouns: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _shelf(name: str, motto: str, size: int, nouns: str) -> Shelf:
    return Shelf(name, motto, size, _words(nouns))


SHELVES = (
    _shelf("Travel", "For those who read the map first.", 24, "Road Border Ferry Pass Atlas Harbour Milestone"),
    _shelf("Mystery", "The butler is on page nine.", 31, "Key Cellar Letter Alibi Shadow Witness Staircase"),
    _shelf("Poetry", "Short lines, long evenings.", 19, "Rain Sparrow Ember Silence Orchard Bell Hour"),
    _shelf("History", "It was not so long ago.", 26, "Crown Siege Treaty Archive Banner Bridge Empire"),
    _shelf("Science Fiction", "Next year, or the one after.", 28, "Orbit Signal Engine Colony Comet Android Moon"),
    _shelf("Cooking", "Read with a wooden spoon.", 18, "Table Oven Spice Pickle Loaf Kitchen Pepper"),
    _shelf("Nature", "Put on your boots.", 22, "Heron Meadow Moss River Fox Hedgerow Tide"),
    _shelf("Philosophy", "Questions, mostly.", 12, "Doubt Reason Mirror Stone Question Cave Garden"),
    _shelf("Children", "To be read aloud, twice.", 21, "Badger Kite Dragon Puddle Lantern Giant Teapot"),
    _shelf("Biography", "Other people's lives.", 16, "Life Diary Portrait Childhood Voice Journey Name"),
    _shelf("Music", "With a little rhythm.", 14, "Violin Chord Choir Drum Overture Waltz Echo"),
    _shelf("Seafaring", "Salt on every page.", 9, "Anchor Lighthouse Sail Compass Reef Mutiny Gale"),
)

TITLES = (
    "The {adjective} {noun}",
    "{noun} & {other}",
    "The {keeper}'s {noun}",
    "The {noun} of {place}",
    "One {noun} in {place}",
    "{adjective} {noun}, {adjective} {other}",
    "The {keeper} and the {noun}",
    "Beyond the {adjective} {noun}",
    "The Last {noun} of {place}",
    "What the {keeper} Knew",
)

ADJECTIVES = _words(
    "Crooked Silent Borrowed Winter Amber Hidden Patient Burning Forgotten Blue Paper Distant Restless"
    " Golden Second Hollow Gentle Stolen Midnight Copper"
)

KEEPERS = _words(
    "Cartographer Beekeeper Clockmaker Librarian Gardener Bookbinder Signalman Glassblower Innkeeper"
    " Apothecary Translator Ferryman Watchmaker Astronomer"
)

PLACES = (
    "Aberwen",
    "Brackwater",
    "Calder Moor",
    "Dunmere",
    "Eastholm",
    "Färnebo",
    "Gullport",
    "Holloway Hill",
    "Inverlaith",
    "Kestrel Bay",
    "Lindenau",
    "Montclair-sur-Mer",
    "Norrvik",
    "Peñalta",
    "Quarry Lane",
    "Saltmarsh",
)

FIRST_NAMES = _words(
    "Ada Benedikt Clara Dafydd Edith Félix Greta Hugo Irène Jonas Katya Leopold Maud Nils Olive Pascal"
    " Rosa Sébastien Tilda Viktor Winifred Zoë"
)

LAST_NAMES = _words(
    "Abernathy Ashdown Bellweather Blackwood Brandt Calloway Carrow Castellan Dahlberg Delacroix Draper"
    " Ellery Fairfax Fennimore Fontaine Garrick Gladwell Grünewald Hargreave Hawthorn Holm Ibáñez Ingram"
    " Jellicoe Juhl Kessler Kingsley Lacroix Larkspur Lindqvist Lockhart Marchetti Merriweather Moreau"
    " Nakamura Norwood Novák Okonjo Osgood Pemberton Penhallow Quill Ravenscroft Rosenthal Rowntree"
    " Sandoval Sinclair Sørensen Stirling Tamsin Thackeray Thorne Underhill Vasquez Villeneuve Wainwright"
    " Weatherby Whitlock Winterbourne Wycliffe Yarrow Zeller"
)

NUMBERS = ("two", "three", "four", "seven", "eleven", "a dozen")

ANIMALS = ("cats", "hens", "goats", "tortoises", "bees", "greyhounds")

BIOGRAPHIES = (
    "Grew up in {place}, learned from the {keeper} there, and lives in {elsewhere} with {number} {animals}.",
    "Was the town's {keeper} for {number} years before writing the first page, on a train to {place}.",
    "Writes in the mornings, walks to {place} in the afternoons, and keeps {number} {animals}.",
    "Came to {place} for a weekend, stayed, and now teaches the craft to {number} students a year.",
)

DESCRIPTIONS = (
    "{hero} comes back to {place} after {number} winters: the house is just as it was. That is the trouble.",
    "Nobody in {place} will say what became of the {keeper}, least of all {hero}.",
    "It begins on one {adjective} afternoon in {place} and ends, {number} summers later, at the same table.",
    "For {number} generations the secret was kept; then {hero} found the {keeper}'s notebook.",
    "“You will want to read the last chapter first,” wrote one reviewer. “Do not.”",
    "One {keeper}, {number} {animals} and one long summer: from these, something {adjective} is made.",
    "The author walked from {place} to {elsewhere} to be sure of every stile & gate.",
    "With {number} maps, a glossary and a recipe for the soup on page 96.",
    "{hero} has <i>one</i> rule, and breaks it by the end of the first paragraph.",
    "Those who liked the earlier volumes will like this one better; those who did not may begin here.",
)
