package trust

import "strings"

func (g Guide) debian() Recipe {
	file := "/usr/local/share/ca-certificates/" + Name(g.Cert) + ".crt"
	return Recipe{"debian", "Debian, Ubuntu: the system's store", []Step{
		{"For curl, wget, .NET on Linux, Ruby, PHP, Go and all else that reads the system's store.", []string{
			"sudo install -m 0644 " + Quote(g.Path) + " " + file,
			"sudo update-ca-certificates",
		}},
		{"The same for a container image, in its Dockerfile, with the file beside it:", []string{
			"COPY " + g.base() + " " + file,
			"RUN update-ca-certificates",
		}},
		{"To take it out again:", []string{"sudo rm " + file, "sudo update-ca-certificates --fresh"}},
	}}
}

func (g Guide) rhel() Recipe {
	file := "/etc/pki/ca-trust/source/anchors/" + Name(g.Cert) + ".crt"
	return Recipe{"rhel", "RHEL, Fedora, CentOS, Amazon Linux: the system's store", []Step{
		{"RHEL 7 and later. Java from the distribution's packages reads this store as well.", []string{
			"sudo install -m 0644 " + Quote(g.Path) + " " + file,
			"sudo update-ca-trust extract",
		}},
		{"RHEL 6.5 and later needs this once before:", []string{"sudo update-ca-trust enable"}},
		{"RHEL 5 has no such program. Updates of openssl or ca-certificates may replace this file:", []string{
			"cat " + Quote(g.Path) + " | sudo tee -a /etc/pki/tls/certs/ca-bundle.crt > /dev/null",
		}},
		{"To take it out again:", []string{"sudo rm " + file, "sudo update-ca-trust extract"}},
	}}
}

func (g Guide) alpine() Recipe {
	file := "/usr/local/share/ca-certificates/" + Name(g.Cert) + ".crt"
	return Recipe{"alpine", "Alpine: the system's store", []Step{
		{"As root. An image without the package ca-certificates has no store.", []string{
			"apk add ca-certificates",
			"cp " + Quote(g.Path) + " " + file,
			"update-ca-certificates",
		}},
		{"To take it out again:", []string{"rm " + file, "update-ca-certificates"}},
	}}
}

func (g Guide) suse() Recipe {
	file := "/etc/pki/trust/anchors/" + Name(g.Cert) + ".crt"
	return Recipe{"suse", "SLES, openSUSE: the system's store", []Step{
		{"SLES 12 and later.", []string{
			"sudo install -m 0644 " + Quote(g.Path) + " " + file,
			"sudo update-ca-certificates",
		}},
		{"SLES 11:", []string{
			"sudo install -m 0644 " + Quote(g.Path) + " /etc/ssl/certs/" + Name(g.Cert) + ".pem",
			"sudo c_rehash /etc/ssl/certs",
		}},
		{"To take it out again:", []string{"sudo rm " + file, "sudo update-ca-certificates"}},
	}}
}

func (g Guide) windows() Recipe {
	thumb := strings.ReplaceAll(SHA1(g.Cert), ":", "")
	return Recipe{"windows", "Windows, .NET, WCF, WSE: the machine's store", []Step{
		{"In a command prompt as administrator, in the folder of the file. Services and IIS read this store, not the " +
			"user's.", []string{
			"certutil -addstore -f Root " + g.windowsPath(),
		}},
		{"Or in PowerShell (Windows 8, Server 2012 and later):", []string{
			`Import-Certificate -FilePath ` + g.windowsPath() + ` -CertStoreLocation Cert:\LocalMachine\Root`,
		}},
		{"Windows shows the certificate under this thumbprint:", []string{"certutil -store Root " + thumb}},
		{"Server 2003 verifies SHA-256 certificates only with the update KB938397. .NET 3.5 and older speak TLS 1.0: set\n" +
			"interception.tls: legacy in the proxy's configuration, or let them use what Windows has (needs the update " +
			"KB3154518 or its like):", []string{
			`reg add HKLM\SOFTWARE\Microsoft\.NETFramework\v2.0.50727 /v SystemDefaultTlsVersions /t REG_DWORD /d 1 /f`,
			`reg add HKLM\SOFTWARE\Wow6432Node\Microsoft\.NETFramework\v2.0.50727 /v SystemDefaultTlsVersions /t REG_DWORD /d ` +
				`1 /f`,
		}},
		{"To take it out again:", []string{"certutil -delstore Root " + thumb}},
	}}
}

func (g Guide) macos() Recipe {
	return Recipe{"macos", "macOS: the system keychain", []Step{
		{"Asks for an administrator's password.", []string{
			"sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain " + Quote(g.Path),
		}},
		{"To take it out again:", []string{
			"sudo security remove-trusted-cert -d " + Quote(g.Path),
			"sudo security delete-certificate -Z " + strings.ReplaceAll(SHA1(g.Cert), ":", "") +
				" /Library/Keychains/System.keychain",
		}},
	}}
}

func (g Guide) java() Recipe {
	entry := " -storepass " + DefaultStorePass + " -alias " + Name(g.Cert)
	file := " -file " + Quote(g.Path)
	old := ` -keystore "$JAVA_HOME/jre/lib/security/cacerts"`
	return Recipe{"java", "Java (keytool)", []Step{
		{"Every Java has a store of its own; changeit is the password they all ship with. Use the keytool of that same " +
			"Java. Java 9 and later:", []string{
			`sudo "$JAVA_HOME/bin/keytool" -importcert -noprompt -cacerts` + entry + file,
		}},
		{"Java 6, 7 and 8 (in a JRE without JDK leave out the folder jre/):", []string{
			`sudo "$JAVA_HOME/bin/keytool" -importcert -noprompt -trustcacerts` + old + entry + file,
		}},
		{"Without touching the Java installation: a store for this program alone. It replaces cacerts, so a program that " +
			"calls other sites\n" +
			"needs a copy of cacerts as docusign-trust.jks first. JKS is the format that every Java reads:", []string{
			"keytool -importcert -noprompt -storetype JKS -keystore docusign-trust.jks" + entry + file,
			"java -Djavax.net.ssl.trustStore=docusign-trust.jks -Djavax.net.ssl.trustStorePassword=" + DefaultStorePass +
				" -jar program.jar",
		}},
		{"Java 6 opens with an SSLv2 hello, which the proxy's TLS refuses. Set interception.tls: legacy in the proxy's " +
			"configuration, and start the program with:", []string{
			"java -Dhttps.protocols=TLSv1 -jar program.jar",
		}},
		{"That acts on HttpsURLConnection (JAX-WS and CXF use it). Axis and Apache HttpClient obey this one, from 6u121 " +
			"and 7u95 on:", []string{
			"java -Djdk.tls.client.protocols=TLSv1 -jar program.jar",
		}},
		{"OpenJDK from Debian's packages takes over the system's store (package ca-certificates-java), RHEL's as well: see " +
			"debian, rhel. To see it:", []string{
			`keytool -list -keystore "$JAVA_HOME/lib/security/cacerts"` + entry,
		}},
		{"To take it out again:", []string{
			`sudo "$JAVA_HOME/bin/keytool" -delete -cacerts` + entry,
			`sudo "$JAVA_HOME/bin/keytool" -delete` + old + entry,
		}},
	}}
}

func (g Guide) python() Recipe {
	return Recipe{"python", "Python: requests, zeep, urllib, suds", []Step{
		{"requests and zeep bring their own store (certifi). In the environment of the program; it replaces the store, " +
			"which is right for a\n" +
			"program that calls DocuSign alone:", []string{"export REQUESTS_CA_BUNDLE=" + Quote(g.Path)}},
		{"For a program that calls other sites too, both in one file:", []string{
			"cat \"$(python -c 'import requests.certs; print(requests.certs.where())')\" " + Quote(g.Path) +
				" > docusign-bundle.pem",
			`export REQUESTS_CA_BUNDLE="$PWD/docusign-bundle.pem"`,
		}},
		{"Or into requests' own file, where no environment can be set; an update of certifi or requests takes it away " +
			"again:", []string{
			"cat " + Quote(g.Path) + " >> \"$(python -c 'import requests.certs; print(requests.certs.where())')\"",
		}},
		{"urllib, urllib2, http.client and suds from Python 2.7.9 and 3.4.3 on read the system's store; without root, this " +
			"replaces it:", []string{
			"export SSL_CERT_FILE=" + Quote(g.Path),
		}},
	}}
}

func (g Guide) node() Recipe {
	return Recipe{"node", "Node.js", []Step{
		{"Node 7.3 and later, in the environment before the program starts; it adds to Node's own list:", []string{
			"export NODE_EXTRA_CA_CERTS=" + Quote(g.Path),
		}},
		{"Older ones take a ca option, which replaces the list. Without changing the program (Node 4 and later), for all " +
			"that uses the global agent:", []string{
			"echo " + Quote(
				"require('https').globalAgent.options.ca = [require('fs').readFileSync("+literal(g.Path)+")];",
			) + " > docusign-trust.js",
			"node -r ./docusign-trust.js program.js",
		}},
		{"In the program, for the request library or an agent of its own:", []string{
			"request.defaults({ca: require('fs').readFileSync(" + literal(g.Path) + ")})",
			"new https.Agent({ca: require('fs').readFileSync(" + literal(g.Path) + ")})",
		}},
	}}
}

func (g Guide) php() Recipe {
	return Recipe{"php", "PHP: curl, streams, SoapClient", []Step{
		{"In php.ini (then restart PHP-FPM or the web server). Both replace the system's store: for other sites too, give " +
			"a file with both.", []string{
			`openssl.cafile = "` + g.Path + `"`,
			`curl.cainfo = "` + g.Path + `"`,
		}},
		{"The same for one program on the command line:", []string{
			"php -d openssl.cafile=" + Quote(g.Path) + " -d curl.cainfo=" + Quote(g.Path) + " program.php",
		}},
		{"SoapClient before PHP 5.6 (which has no openssl.cafile), in the program:", []string{
			"$context = stream_context_create(array('ssl' => array('verify_peer' => true, 'cafile' => " + literal(g.Path) +
				")));",
			"$client = new SoapClient($wsdl, array('stream_context' => $context));",
		}},
		{"A program that sets CURLOPT_CAINFO itself (older PHP SDKs bring a cacert.pem) needs the certificate in that " +
			"file:", []string{
			"cat " + Quote(g.Path) + " >> path/to/cacert.pem",
		}},
	}}
}

func (g Guide) perl() Recipe {
	return Recipe{"perl", "Perl: LWP, SOAP::Lite", []Step{
		{"In the environment of the program. LWP 6 reads the first, LWP 5 with Crypt::SSLeay the second:", []string{
			"export PERL_LWP_SSL_CA_FILE=" + Quote(g.Path),
			"export HTTPS_CA_FILE=" + Quote(g.Path),
		}},
	}}
}

func (g Guide) ruby() Recipe {
	return Recipe{"ruby", "Ruby: net/http, rest-client, savon", []Step{
		{
			"In the environment of the program; it replaces the system's store:",
			[]string{"export SSL_CERT_FILE=" + Quote(g.Path)},
		},
		{"httpclient has a list of its own; in the program:", []string{
			"client.ssl_config.add_trust_ca(" + literal(g.Path) + ")",
		}},
	}}
}

func (g Guide) curl() Recipe {
	return Recipe{"curl", "curl and wget", []Step{
		{"For one call through the proxy:", []string{
			"curl --cacert " + Quote(g.Path) + " -x http://127.0.0.1:8080 https://demo.docusign.net/restapi/service_information",
			"wget --ca-certificate=" + Quote(g.Path) +
				" -e https_proxy=http://127.0.0.1:8080 https://demo.docusign.net/restapi/service_information",
		}},
		{"For all calls of a script; it replaces the system's store:", []string{"export CURL_CA_BUNDLE=" + Quote(g.Path)}},
	}}
}

func (g Guide) mono() Recipe {
	return Recipe{"mono", "Mono", []Step{
		{"First the system's store (debian, rhel). Then the whole of it, for cert-sync removes from Mono's store whatever " +
			"is not in the file it is given:", []string{
			"sudo cert-sync /etc/ssl/certs/ca-certificates.crt   # RHEL: /etc/pki/tls/certs/ca-bundle.crt",
		}},
		{"Or, before Mono 3.12, this one alone; certmgr goes by the file's ending:", []string{
			"cp " + Quote(g.Path) + " " + Name(g.Cert) + ".crt",
			"sudo certmgr -add -c -m Trust " + Name(g.Cert) + ".crt",
		}},
	}}
}

func (g Guide) oracle() Recipe {
	return Recipe{"oracle", "Oracle Database: UTL_HTTP, APEX_WEB_SERVICE", []Step{
		{"Where there is no wallet yet:", []string{"orapki wallet create -wallet /path/to/wallet -auto_login"}},
		{"Into the wallet that the program names in UTL_HTTP.SET_WALLET; orapki asks for its password. Sessions read it " +
			"when they open it:", []string{
			"orapki wallet add -wallet /path/to/wallet -trusted_cert -cert " + Quote(g.Path),
			"orapki wallet display -wallet /path/to/wallet",
		}},
		{"The proxy, in PL/SQL:", []string{"UTL_HTTP.SET_PROXY('127.0.0.1:8080');"}},
	}}
}

// base is the file's name without its folder.
func (g Guide) base() string { return g.Path[strings.LastIndexAny(g.Path, `/\`)+1:] }
