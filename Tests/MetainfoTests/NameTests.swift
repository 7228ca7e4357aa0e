import Bencode
import Metainfo
import TestSupport
import Testing

/// The rule of docs/NAMES.md.
@Suite struct NameTests {
  static let components: [(raw: [UInt8], safe: String)] = [
    ([UInt8]("plain name.txt".utf8), "plain name.txt"),
    ([UInt8]("файл 文件 é".utf8), "файл 文件 é"),
    ([UInt8]("👩‍🚀".utf8), "👩‍🚀"),
    ([UInt8]("back\\slash: what?*".utf8), "back\\slash: what?*"),
    ([UInt8]("CON".utf8), "CON"),
    ([], "_"),
    ([UInt8](".".utf8), "_"),
    ([UInt8]("..".utf8), "__"),
    ([UInt8]("...".utf8), "..."),
    ([UInt8]("/etc/passwd".utf8), "_etc_passwd"),
    ([UInt8]("../../x".utf8), ".._.._x"),
    ([UInt8]("a/../b".utf8), "a_.._b"),
    ([0x61, 0, 0x62], "a_b"),
    ([0x61, 0x0a, 0x1b, 0x7f], "a___"),
    ([UInt8]("a\u{85}b".utf8), "a_b"),
    ([UInt8]("a\u{202e}gpj.exe".utf8), "a_gpj.exe"),
    ([UInt8]("\u{2066}x\u{2069}".utf8), "_x_"),
    ([UInt8]("a\u{2028}b\u{2029}c".utf8), "a_b_c"),
    ([UInt8]("\u{feff}a".utf8), "_a"),
    ([0x61, 0xff, 0xc3], "a\u{fffd}\u{fffd}"),
    ([0xc0, 0xaf], "\u{fffd}\u{fffd}"),
  ]

  @Test(arguments: components)
  func `a component names one entry of a folder`(raw: [UInt8], safe: String) throws {
    let info = try Metainfo(TorrentDictionaries.named([[[UInt8]("dir".utf8), raw]])).info
    #expect(info.files[0].path == ["torrent", "dir", safe])
    for name in info.files[0].path {
      #expect(!name.utf8.contains(0x2f) && !["", ".", ".."].contains(name))
    }
  }

  @Test(arguments: components)
  func `the same rule holds for the torrent's name`(raw: [UInt8], safe: String) throws {
    let info = try Metainfo(TorrentDictionaries.named([[[0x61]]], name: raw)).info
    #expect(info.name == safe)
    #expect(info.files[0].path == [safe, "a"])
  }

  @Test(arguments: [".apus", ".APUS", ".Apus"])
  func `our own folder cannot be named`(name: String) throws {
    let bytes = [UInt8](name.utf8)
    let info = try Metainfo(TorrentDictionaries.named([[bytes]], name: bytes)).info
    #expect(info.name == "_" + name)
    #expect(info.files[0].path == ["_" + name, name])
  }

  @Test func `a component that is too long is cut, and differently for different names`() throws {
    let long = [UInt8](repeating: 0x78, count: 300)
    let one = try Metainfo(TorrentDictionaries.named([[long + [UInt8](".txt".utf8)]])).info.files[0].path[1]
    let other = try Metainfo(TorrentDictionaries.named([[long + [UInt8]("y.txt".utf8)]])).info.files[0].path[
      1]
    #expect(one.utf8.count == 255 && one.hasPrefix("xxxx") && one.hasSuffix(".txt"))
    #expect(other.utf8.count == 255)
    #expect(one != other)

    let wide = [UInt8](String(repeating: "é", count: 200).utf8)
    let cut = try Metainfo(TorrentDictionaries.named([[wide]])).info.files[0].path[1]
    #expect(cut.utf8.count <= 255 && cut.utf8.count >= 253)
    #expect(!cut.unicodeScalars.contains("\u{fffd}"))
  }

  @Test(arguments: [
    (["a", "a"], ["a", "a~2"]),
    (["a.txt", "a.txt", "a.txt"], ["a.txt", "a~2.txt", "a~3.txt"]),
    (["a", "a~2", "a"], ["a", "a~2", "a~3"]),
    (["a", "A"], ["a", "A"]),
    (["a", "a/b", "a/c"], ["a", "a~2/b", "a~2/c"]),
    (["a/b", "a"], ["a/b", "a~2"]),
    (["a/b", "a/b"], ["a/b", "a/b~2"]),
    (["x\u{1}", "x\u{2}"], ["x_", "x_~2"]),
    ([".x", ".x"], [".x", ".x~2"]),
    (["é", "e\u{301}"], ["é", "e\u{301}"]),
  ])
  func `no two files share a path`(raw: [String], safe: [String]) throws {
    let paths = raw.map { path in path.split(separator: "/").map { [UInt8]($0.utf8) } }
    let info = try Metainfo(TorrentDictionaries.named(paths)).info
    let found = info.files.map { $0.path.dropFirst().joined(separator: "/") }
    #expect(found.map { Array($0.utf8) } == safe.map { Array($0.utf8) })
  }

  @Test func `many equal names stay cheap`() throws {
    let paths = (0..<20000).map { _ in [[UInt8]("same".utf8)] }
    var torrent = TorrentDictionaries.named(paths)
    // 20,000 bytes are two pieces.
    let one = Array("6:pieces20:".utf8) + [UInt8](repeating: 0, count: 20)
    let two = Array("6:pieces40:".utf8) + [UInt8](repeating: 0, count: 40)
    let start = try #require(torrent.indices.last { torrent[$0...].starts(with: one) })
    torrent.replaceSubrange(start..<start + one.count, with: two)
    let info = try Metainfo(torrent).info
    #expect(Set(info.files.map { $0.path }).count == 20000)
    #expect(info.files.last?.path == ["torrent", "same~20000"])
  }

  @Test func `links stay inside the folder`() throws {
    let targets: [([String], [String])] = [
      (["a"], ["torrent", "a"]),
      (["..", "..", "etc", "passwd"], ["torrent", "etc", "passwd"]),
      (["/etc/passwd"], ["torrent", "_etc_passwd"]),
      (["..", "a"], ["torrent", "a"]),
      (["b"], ["torrent", "sub", "b"]),
      (["sub", "b"], ["torrent", "sub", "b"]),
      (["."], ["torrent"]),
      ([".."], ["torrent"]),
      (["nowhere"], ["torrent", "nowhere"]),
      (["x\u{1}y"], ["torrent", "x_y"]),
    ]
    for (target, expected) in targets {
      var torrent = TorrentDictionaries.dictionary(.v1)
      torrent.change(
        "info", "files",
        to: [
          ["length": 16384, "path": ["a"]], ["length": 23616, "path": ["sub", "b"]],
          ["length": 1, "path": ["x\u{1}y"]],
          [
            "attr": "l", "length": 0, "path": ["sub", "link"],
            "symlink path": .list(target.map { .text($0) }),
          ],
        ])
      let info = try Metainfo(torrent.encoded()).info
      #expect(info.files[3].kind == .symbolicLink(target: expected))
    }
  }

  @Test func `padding takes no names`() throws {
    var torrent = TorrentDictionaries.dictionary(.v1)
    torrent.change(
      "info", "files",
      to: [
        ["length": 40000, "path": [".pad", "9"], "attr": "p"], ["length": 50, "path": [".pad", "9"]],
        ["length": 50, "path": [".pad", "9"], "attr": "p"],
      ])
    let info = try Metainfo(torrent.encoded()).info
    #expect(info.files.map { $0.path.last } == ["9", "9", "9"])
    #expect(info.files.map { $0.isPadding } == [true, false, true])
  }
}
