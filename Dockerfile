# The image has the binary of a release, byte for byte. Built in a plain clone, it makes that binary itself from the commit
# that is checked out; --build-arg BINARY=release takes the one that "go run -C deploy/release ." has put into dist.
ARG BINARY=clone

FROM --platform=$BUILDPLATFORM golang:1.26 AS clone
ARG TARGETARCH VERSION=
WORKDIR /src
# Git's own copy and no folder of the checkout: what is not committed, such as a key that lies about, stays out.
COPY .git/ .git/
RUN git reset --hard --quiet \
 && go run -C deploy/release . -version "$VERSION" -binary linux/$TARGETARCH -out /dist

FROM --platform=$BUILDPLATFORM golang:1.26 AS release
COPY dist/binaries/ /dist/binaries/

FROM ${BINARY} AS files
ARG TARGETARCH
RUN install -m 0755 /dist/binaries/linux-$TARGETARCH/docusign-auth-proxy / \
 && mkdir /state /documents && chmod 0700 /state /documents

# Nothing but the program and the certificates it trusts: no shell, no package to keep up to date.
FROM scratch
COPY --from=files /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=files /docusign-auth-proxy /docusign-auth-proxy
COPY --from=files --chown=65532:65532 /state /var/lib/docusign-auth-proxy
# Documents of SOAP calls under way, with soap: rest.
COPY --from=files --chown=65532:65532 /documents /tmp
USER 65532:65532
WORKDIR /var/lib/docusign-auth-proxy
# Where the state goes if the configuration says nothing: its own folder is mounted read-only.
ENV STATE_DIRECTORY=/var/lib/docusign-auth-proxy
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/docusign-auth-proxy", "health", "--config", "/etc/docusign-auth-proxy/config.yaml"]
ENTRYPOINT ["/docusign-auth-proxy"]
CMD ["run", "--config", "/etc/docusign-auth-proxy/config.yaml"]
