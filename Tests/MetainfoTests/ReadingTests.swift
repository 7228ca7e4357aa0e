import Bencode
import Bytes
import Digest
import Metainfo
import Testing

@Suite struct ReadingTests {
  private func read(_ change: (inout Bencode) -> Void) throws -> Metainfo {
    var torrent = TorrentDictionaries.dictionary(.v1)
    change(&torrent)
    return try Metainfo(torrent.encoded())
  }

  @Test func `the list of tiers counts before the single tracker`() throws {
    #expect(try read { _ in }.trackers == [["http://tracker.example/announce"]])
    #expect(
      try read { $0["announce-list"] = [["http://a/", "udp://b:1/"], [], ["http://c/"]] }.trackers
        == [["http://a/", "udp://b:1/"], ["http://c/"]])
    #expect(try read { $0["announce-list"] = [[], [""]] }.trackers == [["http://tracker.example/announce"]])
  }

  @Test func `web seeds may be one text or a list`() throws {
    #expect(try read { $0["url-list"] = "http://a/" }.webSeeds == ["http://a/"])
    #expect(
      try read { $0["url-list"] = ["http://a/", "", 5, "http://b/"] }.webSeeds == ["http://a/", "http://b/"])
    #expect(try read { $0["url-list"] = "" }.webSeeds == [])
  }

  @Test func `nodes that make no sense are passed over`() throws {
    let nodes = try read {
      $0["nodes"] = [["router.example", 6881], ["x", 0], ["x", 70000], ["", 5], ["y"], 7, ["::1", 1]]
    }.nodes
    #expect(nodes == [Node(host: "router.example", port: 6881), Node(host: "::1", port: 1)])
  }

  @Test func `hints of the wrong kind are passed over`() throws {
    let metainfo = try read {
      $0["comment"] = 5
      $0["created by"] = []
      $0["creation date"] = "yesterday"
      $0["announce"] = 7
      $0["url-list"] = 9
      $0["nodes"] = "x"
      $0["similar"] = 1
    }
    #expect(metainfo.comment == nil && metainfo.createdBy == nil && metainfo.creationDate == nil)
    #expect(metainfo.trackers.isEmpty && metainfo.webSeeds.isEmpty && metainfo.nodes.isEmpty)
  }

  @Test func `similar torrents and collections count from inside and outside`() throws {
    let one = [UInt8](repeating: 1, count: 20)
    let two = [UInt8](repeating: 2, count: 20)
    let metainfo = try read {
      $0.change("info", "similar", to: [.string(one)])
      $0["similar"] = [.string(one), .string(two), "short"]
      $0.change("info", "collections", to: ["set"])
      $0["collections"] = ["set", "other"]
    }
    #expect(metainfo.similar.map { $0.bytes } == [one, two])
    #expect(metainfo.collections == ["set", "other"])
    #expect(metainfo.info.similar.map { $0.bytes } == [one])
    let again = try Metainfo(metainfo.encoded())
    #expect(again.similar == metainfo.similar)
    #expect(again.collections == metainfo.collections)
  }

  @Test func `all that is said around the content is written and read`() throws {
    var metainfo = try read { _ in }
    metainfo.trackers = [["http://a/", "http://b/"], ["http://c/"]]
    metainfo.webSeeds = ["http://s/"]
    metainfo.nodes = [Node(host: "n.example", port: 6881)]
    metainfo.comment = "ünï"
    metainfo.createdBy = "tests"
    metainfo.creationDate = 1_700_000_000
    let again = try Metainfo(metainfo.encoded())
    #expect(again.trackers == metainfo.trackers)
    #expect(again.webSeeds == metainfo.webSeeds)
    #expect(again.nodes == metainfo.nodes)
    #expect(again.comment == "ünï" && again.createdBy == "tests" && again.creationDate == 1_700_000_000)
    #expect(again.info.infoHash == metainfo.info.infoHash)
  }

  @Test func `the dictionary is hashed as it came, however it is written`() throws {
    // Keys out of order and one that nobody knows.
    let info = "d6:lengthi5e4:name1:n3:fooli1ee12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae"
    let metainfo = try Metainfo([UInt8]("d4:info\(info)8:announce9:http://a/e".utf8))
    #expect(metainfo.info.bytes == [UInt8](info.utf8))
    #expect(metainfo.info.infoHashV1 == SHA1.hash([UInt8](info.utf8).rawBytes))
    #expect(try Metainfo(metainfo.encoded()).info == metainfo.info)
    #expect(try Info([UInt8](info.utf8)) == metainfo.info)
  }

  @Test func `private and source are read`() throws {
    let info = try read {
      $0.change("info", "private", to: 1)
      $0.change("info", "source", to: "here")
    }.info
    #expect(info.isPrivate && info.source == "here")
    #expect(try !read { $0.change("info", "private", to: 0) }.info.isPrivate)
  }

  @Test func `attributes say what is executable`() throws {
    let info = try read {
      $0.change(
        "info", "files",
        to: [
          ["attr": "hx?", "length": 40000, "path": ["a"]], ["attr": "h", "length": 100, "path": ["b"]],
        ])
    }.info
    #expect(info.files.map { $0.kind } == [.regular(isExecutable: true), .regular(isExecutable: false)])
  }
}
