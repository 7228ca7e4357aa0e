import Metainfo
import TestSupport
import Testing

@testable import BitTorrent

/// Where the files of a torrent are on the web (BEP 19).
@Suite struct WebSeedURLTests {
  @Test(arguments: [
    ("http://h/d/", "http://h/d/my%20folder/a%23%25%3F/%C3%BC.bin"),
    ("https://h:8443/d", "https://h:8443/d/my%20folder/a%23%25%3F/%C3%BC.bin"),
    ("http://h/d e/", "http://h/d%20e/my%20folder/a%23%25%3F/%C3%BC.bin"),
  ])
  func filesOfAFolderAreUnderItsName(_ base: String, _ expected: String) throws {
    let content = try ContentFolder(name: "my folder", files: [TestFile("a#%?/ü.bin", 5), TestFile("b", 5)])
    let info = try content.torrent(.v1).info
    let file = try #require(info.files.first { $0.path.last == "ü.bin" })
    #expect(WebSeedURL(base)?.url(of: file, in: info) == expected)
  }

  @Test(arguments: TorrentVersion.allCases)
  func aSingleFileIsAtTheURLOrUnderIt(_ version: TorrentVersion) throws {
    let content = try ContentFolder(name: "one file", files: [TestFile("", 50_000)])
    let info = try content.torrent(version).info
    #expect(WebSeedURL("http://h/x.bin")?.url(of: info.files[0], in: info) == "http://h/x.bin")
    #expect(WebSeedURL("http://h/x/")?.url(of: info.files[0], in: info) == "http://h/x/one%20file")
  }

  @Test(arguments: ["", "h/x", "ftp://h/", "file:///etc/passwd", "http://", "http:///x", "http:x"])
  func otherPlacesAreNotUsed(_ text: String) { #expect(WebSeedURL(text) == nil) }

  @Test func namesAndPasswordsAreNotShown() {
    #expect(WebSeedURL("http://me:secret@host:81/x")?.host == "host:81")
  }
}
