import Bencode
import Metainfo
import Testing

@Suite struct LimitTests {
  private func error(
    _ version: TorrentVersion = .v1, limit: (inout MetainfoLimits) -> Void = { _ in },
    change: (inout Bencode) -> Void = { _ in }
  ) -> MetainfoError? {
    var limits = MetainfoLimits.standard
    limit(&limits)
    var torrent = TorrentDictionaries.dictionary(version)
    change(&torrent)
    do {
      _ = try Metainfo(torrent.encoded(), limits: limits)
      return nil
    } catch {
      return error
    }
  }

  @Test func `bytes`() {
    let count = TorrentDictionaries.dictionary(.v1).encoded().count
    #expect(error { $0.maximumBytes = 50 } == .tooLarge(bytes: count, limit: 50))
    #expect(error { $0.maximumBytes = count } == nil)
  }

  @Test(arguments: TorrentVersion.allCases)
  func `files`(version: TorrentVersion) {
    #expect(error(version) { $0.maximumFiles = 1 } == .tooManyFiles(limit: 1))
    #expect(error(version) { $0.maximumFiles = 3 } == nil)
  }

  @Test(arguments: TorrentVersion.allCases)
  func `pieces`(version: TorrentVersion) {
    #expect(error(version) { $0.maximumPieces = 2 } == .tooManyPieces(limit: 2))
    #expect(error(version) { $0.maximumPieces = 4 } == nil)
  }

  @Test func `piece length`() {
    #expect(
      error { $0.maximumPieceLength = 8192 } == .pieceLengthTooLarge(16384, limit: 8192))
  }

  @Test(arguments: TorrentVersion.allCases)
  func `content`(version: TorrentVersion) {
    #expect(error(version) { $0.maximumContentLength = 40000 } == .contentTooLarge(limit: 40000))
    let huge: (inout Bencode) -> Void = {
      $0.change(
        "info", "files",
        to: [["length": .integer(.max), "path": ["a"]], ["length": .integer(.max), "path": ["b"]]])
    }
    #expect(error(change: huge) == .contentTooLarge(limit: 1 << 50))
  }

  @Test(arguments: [TorrentVersion.v1, .v2])
  func `paths`(version: TorrentVersion) {
    #expect(
      error(version) { $0.maximumPathComponents = 1 } == .pathTooDeep(path: "sub/small", limit: 1))
    #expect(error(version) { $0.maximumPathBytes = 9 } == .pathTooLong(path: "sub/small", limit: 9))
    #expect(error(version) { $0.maximumPathBytes = 10 } == nil)
  }

  @Test func `a path as deep as the limit is read in every version`() throws {
    var tree: Bencode = ["": ["length": 1, "pieces root": .string([UInt8](repeating: 1, count: 32))]]
    for _ in 0..<64 { tree = ["d": tree] }
    let torrent: Bencode = [
      "info": ["name": "n", "piece length": 16384, "meta version": 2, "file tree": tree]
    ]
    #expect(try Metainfo(torrent.encoded()).info.files[0].path.count == 65)
  }

  @Test func `trackers`() {
    let many: Bencode = .list([.list((0..<5).map { .text("http://\($0)/") }), ["http://x/"]])
    #expect(
      error(limit: { $0.maximumTrackers = 5 }, change: { $0["announce-list"] = many })
        == .tooManyTrackers(limit: 5))
    #expect(error(limit: { $0.maximumTrackers = 6 }, change: { $0["announce-list"] = many }) == nil)
  }

  @Test func `web seeds, nodes, similar torrents and collections`() {
    #expect(
      error(limit: { $0.maximumWebSeeds = 1 }, change: { $0["url-list"] = ["http://a/", "http://b/"] })
        == .tooManyWebSeeds(limit: 1))
    #expect(
      error(limit: { $0.maximumNodes = 1 }, change: { $0["nodes"] = [["a", 1], ["b", 2]] })
        == .tooManyNodes(limit: 1))
    #expect(
      error(limit: { $0.maximumHints = 1 }, change: { $0["similar"] = ["a", "b"] })
        == .tooManyHints(key: "similar", limit: 1))
    #expect(
      error(limit: { $0.maximumHints = 1 }, change: { $0.change("info", "collections", to: ["a", "b"]) })
        == .tooManyHints(key: "collections", limit: 1))
  }

  @Test func `addresses and texts`() {
    let long = Bencode.text("http://" + String(repeating: "x", count: 5000))
    #expect(error(change: { $0["announce"] = long }) == .addressTooLong(key: "announce", limit: 4096))
    #expect(
      error(change: { $0["announce-list"] = [[long]] })
        == .addressTooLong(key: "announce-list", limit: 4096))
    #expect(error(change: { $0["url-list"] = long }) == .addressTooLong(key: "url-list", limit: 4096))
    #expect(
      error(change: { $0["nodes"] = [[long, 5]] }) == .addressTooLong(key: "nodes", limit: 4096))
    #expect(
      error(limit: { $0.maximumTextBytes = 10 }, change: { $0["comment"] = "eleven bytes" })
        == .textTooLong(key: "comment", limit: 10))
    #expect(
      error(limit: { $0.maximumTextBytes = 10 }, change: { $0.change("info", "source", to: "eleven bytes") })
        == .textTooLong(key: "source", limit: 10))
  }

  @Test func `nesting`() {
    let deep = [UInt8](repeating: UInt8(ascii: "l"), count: 500)
    #expect(throws: MetainfoError.bencode(.tooDeep(limit: 72, at: 72))) { try Metainfo(deep) }
  }
}
