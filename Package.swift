// swift-tools-version: 6.2
import PackageDescription

// One target per room of docs/ARCHITECTURE.md; arrows point downward only.

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableExperimentalFeature("Lifetimes"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

// The expansion of #expect does not compile under strict memory safety.
let testing: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableExperimentalFeature("Lifetimes"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: testing)
}

func library(_ name: String, pkgConfig: String, debian: String, brew: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([debian]), .brew([brew])])
}

let package = Package(
  name: "apus",
  products: [
    .library(name: "BitTorrent", targets: ["BitTorrent"]),
    .library(name: "Blocklist", targets: ["Blocklist"]),
    .library(name: "Metainfo", targets: ["Metainfo"]),
    .library(name: "Bencode", targets: ["Bencode"]),
    .library(name: "Configuration", targets: ["Configuration"]),
    .library(name: "Encryption", targets: ["Encryption"]),
    .library(name: "PeerProtocol", targets: ["PeerProtocol"]),
    .library(name: "TrackerProtocol", targets: ["TrackerProtocol"]),
    .library(name: "UTP", targets: ["UTP"]),
    .library(name: "HTTPParsing", targets: ["HTTPParsing"]),
    .library(name: "MainlineDHT", targets: ["MainlineDHT"]),
    .library(name: "TrackerServer", targets: ["TrackerServer"]),
    .library(name: "Transfer", targets: ["Transfer"]),
    .executable(name: "apus", targets: ["apus"]),
  ],
  targets: [
    // System libraries, each imported by exactly one Swift target.
    library("COpenSSL", pkgConfig: "libcrypto", debian: "libssl-dev", brew: "openssl@3"),
    library("CLibuv", pkgConfig: "libuv", debian: "libuv1-dev", brew: "libuv"),
    library("CMicrohttpd", pkgConfig: "libmicrohttpd", debian: "libmicrohttpd-dev", brew: "libmicrohttpd"),
    library("CCurl", pkgConfig: "libcurl", debian: "libcurl4-openssl-dev", brew: "curl"),
    library("CZlib", pkgConfig: "zlib", debian: "zlib1g-dev", brew: "zlib"),
    library("CMiniupnpc", pkgConfig: "miniupnpc", debian: "libminiupnpc-dev", brew: "miniupnpc"),
    .systemLibrary(name: "CNATPMP", providers: [.apt(["libnatpmp-dev"]), .brew(["libnatpmp"])]),
    .target(name: "CSystem"),
    .target(name: "CLanes", dependencies: ["COpenSSL"]),

    // The floor.
    room("Bytes"),
    room("Digest", ["Bytes", "CLanes", "COpenSSL"]),
    room("Bencode", ["Bytes"]),
    room("Addresses", ["Bytes"]),
    room("Configuration"),
    room("ArgumentParsing", ["Configuration"]),
    room("JSON"),
    room("Threads", ["CSystem"]),
    room("Logging", ["CSystem", "Threads"]),

    // Formats and protocol cores: no sockets, no clocks.
    room("Metainfo", ["Bytes", "Digest", "Bencode", "Addresses", "CSystem", "Threads"]),
    room("PeerProtocol", ["Bytes", "Digest", "Bencode", "Addresses"]),
    room("Encryption", ["Bytes", "Digest"]),
    room("TrackerProtocol", ["Bytes", "Digest", "Bencode", "Addresses"]),
    room("UTP", ["Bytes", "Addresses"]),
    room("Blocklist", ["Bytes", "Addresses", "CZlib"]),
    room("HTTPParsing", ["Bytes", "Addresses"]),
    room("MainlineDHT", ["Bytes", "Digest", "Bencode", "Addresses"]),

    // Machinery.
    room("EventLoop", ["CLibuv", "CSystem", "Addresses", "Bytes", "Threads"]),
    room("HTTPServer", ["CMicrohttpd", "CZlib", "Addresses", "Bytes", "Threads"]),
    room("Transfer", ["CCurl", "EventLoop", "Addresses", "Bytes"]),
    room("PortMapping", ["Addresses", "Threads", "CMiniupnpc", "CNATPMP"]),
    room("PieceStorage", ["Bytes", "Digest", "Bencode", "Metainfo", "EventLoop", "CSystem", "Threads"]),

    // The houses.
    room(
      "BitTorrent",
      [
        "Bytes", "Digest", "Bencode", "Metainfo", "PeerProtocol", "Encryption", "TrackerProtocol",
        "EventLoop", "UTP",
        "Transfer", "PieceStorage", "CSystem", "Addresses", "Threads",
        "MainlineDHT",
        "Blocklist", "PortMapping",
      ]),
    room(
      "TrackerServer",
      [
        "Addresses", "Bytes", "Digest", "Bencode", "TrackerProtocol", "HTTPServer", "EventLoop",
        "PeerProtocol",
        "JSON",
        "CSystem",
        "Threads",
        "Logging",
        "HTTPParsing",
      ]),
    .executableTarget(
      name: "apus",
      dependencies: [
        "ArgumentParsing", "Logging", "BitTorrent", "Encryption", "TrackerServer", "Metainfo", "PieceStorage",
        "Bytes",
        "Digest",
        "Bencode", "EventLoop", "Transfer", "TrackerProtocol", "CSystem", "Addresses", "JSON", "Threads",
        "MainlineDHT",
        "Blocklist", "PortMapping",
      ],
      swiftSettings: strict),

    // Tests: one target a room, then whole programs.
    .target(
      name: "TestSupport", dependencies: ["Bytes", "Digest", "Bencode", "Metainfo"],
      path: "Tests/TestSupport", swiftSettings: testing),
    tests("BytesTests", ["Bytes", "Digest", "Addresses"]),
    tests("DigestTests", ["Bytes", "Digest"]),
    tests("BencodeTests", ["Bencode", "Bytes", "TestSupport"]),
    tests("ArgumentParsingTests", ["ArgumentParsing"]),
    tests("ConfigurationTests", ["Configuration"]),
    tests("LoggingTests", ["Logging"]),
    tests(
      "MetainfoTests", ["Addresses", "Metainfo", "Bencode", "Bytes", "Digest", "TestSupport"],
      exclude: ["Vectors"]),
    tests("PeerProtocolTests", ["Addresses", "PeerProtocol", "Bencode", "Bytes", "Digest", "TestSupport"]),
    tests(
      "TrackerProtocolTests", ["Addresses", "TrackerProtocol", "Bencode", "Bytes", "Digest", "TestSupport"]),
    tests("EncryptionTests", ["Encryption", "Bytes", "Digest"]),
    tests("UTPTests", ["Addresses", "Bytes", "UTP"]),
    tests("HTTPParsingTests", ["Addresses", "Bytes", "HTTPParsing"]),
    tests("MainlineDHTTests", ["Addresses", "MainlineDHT", "Bencode", "Bytes", "Digest"]),
    tests("BlocklistTests", ["Addresses", "Blocklist", "Bytes", "CZlib"]),
    tests("PortMappingTests", ["Addresses", "PortMapping", "TestSupport"]),
    tests("EventLoopTests", ["Addresses", "EventLoop"]),
    tests("TransferTests", ["Addresses", "Transfer", "EventLoop", "HTTPServer", "Threads"]),
    tests(
      "TrackerServerTests",
      [
        "Addresses", "TrackerServer", "TrackerProtocol", "HTTPServer", "Bencode", "Bytes", "CZlib", "Digest",
        "TestSupport", "EventLoop", "Threads", "JSON",
      ]),
    tests(
      "PieceStorageTests",
      ["Addresses", "PieceStorage", "Metainfo", "Bencode", "Bytes", "Digest", "EventLoop", "TestSupport"]),
    tests(
      "BitTorrentTests",
      [
        "Addresses", "BitTorrent", "Encryption", "TrackerServer", "PeerProtocol", "TrackerProtocol",
        "PieceStorage",
        "Metainfo", "Bencode", "Bytes", "Digest",
        "EventLoop", "MainlineDHT", "HTTPServer", "TestSupport",
        "Blocklist", "PortMapping",
      ]),
    tests(
      "CommandLineTests",
      ["apus", "JSON", "Addresses", "TestSupport", "Metainfo", "Bencode", "Bytes", "Digest"]),
    tests(
      "HostilePeerTests",
      ["Addresses", "TestSupport", "PeerProtocol", "Metainfo", "Bencode", "Bytes", "Digest"]),
    tests(
      "InteroperabilityTests",
      ["Addresses", "BitTorrent", "TestSupport", "Metainfo", "Bencode", "Bytes", "Digest"]),
    tests("AllocationTests", ["TestSupport"]),
    tests("CrashTests", ["Addresses", "TestSupport", "Metainfo", "Bencode", "Bytes", "Digest"]),
  ]
)
