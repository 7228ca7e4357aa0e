import JSON
import Testing

@Suite struct JSONTests {
  @Test func valuesAreWrittenOnOneLine() {
    let value: JSONValue = [
      "a": 1, "b": [true, nil, -2.5], "c": "q\"\\\n\u{1b}é🐦", "d": [:], "e": [], "f": .number(.infinity),
    ]
    #expect(
      value.text
        == #"{"a":1,"b":[true,null,-2.5],"c":"q\"\\\n\u001bé🐦","d":{},"e":[],"f":null}"#)
  }

  @Test func whatIsWrittenReadsBackTheSame() throws {
    let value: JSONValue = [
      "n": .integer(.max), "m": .integer(.min), "x": 1e300, "s": "tab\t nul\0 é", "a": [[], [1, [2]]],
    ]
    #expect(try JSONValue(parsing: value.text) == value)
  }

  @Test func escapesAreRead() throws {
    #expect(try JSONValue(parsing: #" "\u00e9\ud83d\ude00\/\b\f\r\t" "#) == "é😀/\u{8}\u{c}\r\t")
  }

  @Test(arguments: [
    ("", 0), ("{", 1), ("[1,]", 3), ("[1 2]", 3), ("{\"a\"}", 4), ("01", 0), ("-", 0), ("+1", 0), (".5", 0),
    ("1 1", 2), ("\"a", 2), ("\"\\x\"", 3), ("\"\\ud800\"", 7), ("\"\u{1}\"", 1), ("nul", 0), ("[", 1),
    ("{\"a\":1,}", 7),
  ])
  func faultsAreFoundWhereTheyAre(text: String, offset: Int) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    do throws(JSONError) {
      _ = try JSONValue(parsing: text)
    } catch {
      #expect(error.offset == offset)
    }
  }

  @Test func depthIsLimited() throws {
    let deep = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
    #expect(try JSONValue(parsing: deep).array != nil)
    #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: "[", count: 100_000)) }
  }

  @Test func membersAreFoundByName() throws {
    let value = try JSONValue(parsing: #"{"event":"x","n":3,"r":0.5,"l":[1],"t":true}"#)
    #expect(value["event"]?.string == "x")
    #expect(value["n"]?.integer == 3)
    #expect(value["n"]?.number == 3)
    #expect(value["r"]?.number == 0.5)
    #expect(value["l"]?.array == [1])
    #expect(value["t"]?.bool == true)
    #expect(value["missing"] == nil)
    #expect(value["event"]?.integer == nil)
  }
}
