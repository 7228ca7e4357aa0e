import ArgumentParsing
import Testing

@testable import apus

@Suite struct DisplayWidthTests {
  @Test(arguments: [
    ("", 0), ("abc", 3), ("é", 1), ("e\u{301}", 1), ("画像", 4), ("🐦", 2), ("한국", 4), ("ﾊﾝｶｸ", 4), ("…", 1),
    ("👩‍👩‍👧", 2), ("☕", 2), ("❤️", 2), ("█▌", 2),
  ])
  func columnsOfText(text: String, columns: Int) { #expect(text.columns == columns) }

  @Test(arguments: 0...12)
  func aCutNeverExceedsItsWidth(width: Int) {
    for text in ["swift-song.flac", "画像データ東京.png", "e\u{301}e\u{301}e\u{301}🐦🐦🐦", "ab"] {
      let cut = text.cut(to: width)
      #expect(cut.columns <= width)
      if text.columns <= width { #expect(cut == text) } else if width > 0 { #expect(cut.hasSuffix("…")) }
      #expect(text.fitted(to: width).columns == width)
    }
  }

  @Test func whatSteersATerminalIsNotPrinted() {
    #expect("a\u{1b}[2Jb\nc\u{7}".printable == "a\u{fffd}[2Jb\u{fffd}c\u{fffd}")
    #expect("txt.\u{202e}gnp".printable == "txt.\u{fffd}gnp")
    #expect("plain é 画".printable == "plain é 画")
  }
}

@Suite struct FiguresTests {
  @Test(
    arguments: [
      (0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (1536, "1.50 KiB"), (16384, "16.0 KiB"),
      (1_048_575, "1.00 MiB"), (268_435_456, "256.0 MiB"), (1 << 40, "1.00 TiB"), (Int64.max, "8192 PiB"),
    ] as [(Int64, String)])
  func sizes(bytes: Int64, text: String) { #expect(Figures.size(bytes) == text) }

  @Test(arguments: [
    (0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599.0, "59 min 59 s"), (3600, "1 h 0 min"),
    (90_000, "1 d 1 h"), (.infinity, "-"), (.nan, "-"),
  ])
  func times(seconds: Double, text: String) { #expect(Figures.time(seconds) == text) }

  @Test func aHundredPercentIsOnlyTheEnd() {
    #expect(Figures.percent(0.9999) == "99 %")
    #expect(Figures.percent(1) == "100 %")
  }

  @Test(
    arguments: [
      (0, "1970-01-01 00:00:00 UTC"), (951_782_400, "2000-02-29 00:00:00 UTC"),
      (1_709_211_909, "2024-02-29 13:05:09 UTC"), (-1, "1969-12-31 23:59:59 UTC"),
      (4_102_444_799, "2099-12-31 23:59:59 UTC"),
    ] as [(Int64, String)])
  func dates(time: Int64, text: String) { #expect(Figures.date(time) == text) }

  @Test func nothingIsRemainingWithoutARate() {
    #expect(Figures.remaining(100, at: 0) == nil)
    #expect(Figures.remaining(0, at: 100) == nil)
    #expect(Figures.remaining(1001, at: 100) == "ETA 11 s")
  }

  @Test(arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-1000, "-1,000")])
  func groups(number: Int, text: String) { #expect(Figures.grouped(number) == text) }
}

@Suite struct ProgressRowTests {
  private let row = ProgressRow(
    label: "画像/東京 – a long name of a torrent", fraction: 0.42,
    figures: ["104.6 MiB of 249.1 MiB", "↓12.3 MiB/s", "↑1.20 MiB/s", "3 peers", "ETA 12 s"])

  @Test(arguments: [1, 2, 5, 10, 20, 40, 60, 80, 100, 132, 300], [true, false])
  func aLineNeverFillsTheLastColumn(columns: Int, isUnicode: Bool) {
    let style = Style(isUnicode: isUnicode, hasColour: false)
    for width in [0, 5, 12, 30, 60] {
      #expect(row.line(columns: columns, style: style, labelWidth: width).columns <= max(1, columns - 1))
    }
  }

  @Test func aWideTerminalShowsAll() {
    let style = Style(isUnicode: false, hasColour: false)
    let line = row.line(columns: 140, style: style, labelWidth: 20)
    #expect(line.hasSuffix("   42 %  104.6 MiB of 249.1 MiB  ↓12.3 MiB/s  ↑1.20 MiB/s  3 peers  ETA 12 s"))
    #expect(line.contains("[###########-----------------]"))
  }

  @Test func barsOfRowsShownTogetherLineUp() {
    let style = Style(isUnicode: false, hasColour: false)
    let rows = [row, ProgressRow(label: "b", fraction: 1, figures: ["249.1 MiB"])]
    let bar = rows.map { $0.barWidth(columns: 120, labelWidth: 20) }.min() ?? 0
    let ends = rows.map { row in
      let line = row.line(columns: 120, style: style, labelWidth: 20, barWidth: bar)
      return line.firstIndex(of: "]").map { String(line[..<$0]).columns }
    }
    #expect(ends[0] == ends[1])
    #expect(ends[0] != nil)
  }

  @Test func aNarrowTerminalKeepsTheFirstFigureAndABar() {
    let line = row.line(columns: 60, style: Style(isUnicode: true, hasColour: false), labelWidth: 20)
    #expect(line.contains("104.6 MiB of 249.1 MiB"))
    #expect(line.contains("█"))
    #expect(!line.contains("ETA"))
  }

  @Test(arguments: [0, 0.5, 1, -1, 2, .nan], [3, 8, 30])
  func barsHaveTheirWidth(fraction: Double, width: Int) {
    for isUnicode in [true, false] {
      let style = Style(isUnicode: isUnicode, hasColour: false)
      #expect(style.bar(fraction, width: width).columns == width)
    }
  }

  @Test func aLogLineHasNoBar() {
    #expect(
      ProgressRow(label: "a", fraction: 0.5, figures: ["1 B of 2 B", "3 peers"]).plain
        == "a: 50 %, 1 B of 2 B, 3 peers")
    #expect(ProgressRow(label: "a", fraction: nil, figures: []).plain == "a:")
  }
}

@Suite struct InterruptionTests {
  @Test func aSleeperIsWokenByAnInterruption() async {
    let interruption = Interruption()
    let sleeper = Task { await interruption.sleep(600) }
    #expect(interruption.raise(.terminate))
    #expect(await sleeper.value)
    #expect(interruption.cause == .terminate)
    #expect(!interruption.raise(.interrupt))
    #expect(interruption.cause == .terminate)
  }

  @Test func aSleepEndsByItself() async {
    #expect(await Interruption().sleep(0.001) == false)
  }

  @Test func whoSleepsAfterwardsDoesNotSleep() async {
    let interruption = Interruption()
    interruption.raise(.interrupt)
    #expect(await interruption.sleep(600))
  }
}

@Suite struct SelectionTests {
  @Test(arguments: [
    ("*.flac", ["album", "disc 1", "a.flac"], true), ("*.flac", ["album", "a.mp3"], false),
    ("disc 1/*", ["album", "disc 1", "a.flac"], true),
    ("album/disc 1/*", ["album", "disc 1", "a.flac"], true),
    ("a.flac", ["album", "disc 1", "a.flac"], false), ("*/a.flac", ["album", "disc 1", "a.flac"], true),
    ("single.iso", ["single.iso"], true), ("*[12]/*", ["album", "disc 2", "x"], true),
  ])
  func patternsMatchPathsWithAndWithoutTheTorrentsName(pattern: String, path: [String], expected: Bool) {
    #expect(FileSystem.matches(pattern, path) == expected)
  }
}
