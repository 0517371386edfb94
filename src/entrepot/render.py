"""Documents as bytes. The same document always gives the same bytes.

The simple pages follow the simple repository API 1.4 (PEP 503, 592, 629, 658, 691, 700, 714, 792; the HTML form is
frozen by PEP 833). What is optional and unknown is left out, because clients reject whole pages over a null. The JSON
documents are PyPI's `/pypi/NAME/json`, which no standard describes.
"""

import json
from html import escape

from entrepot.documents import FileDetail, ProjectDetail, ProjectList, ReleaseDetail, ReleaseInfo, Vulnerability
from entrepot.layout import package, provenance
from entrepot.names import ProjectName

API_VERSION = "1.4"

Json = dict[str, object]


def project_list_json(projects: ProjectList) -> bytes:
    """The project list, JSON form. Each project says its last serial, which is how mirrors find what changed."""
    return _json(
        {
            "meta": {"api-version": API_VERSION, "_last-serial": projects.last_serial},
            "projects": [{"name": each.display_name, "_last-serial": each.last_serial} for each in projects.projects],
        }
    )


def project_list_html(projects: ProjectList) -> bytes:
    """The project list, HTML form."""
    anchors = [f'<a href="{each.name}/">{escape(each.display_name)}</a>' for each in projects.projects]
    return _html("Simple index", [], anchors, projects.last_serial)


def project_json(project: ProjectDetail, *, url: str) -> bytes:
    """A project's simple page, JSON form. `url` is the index's public one, which provenance needs in full."""
    status = {"status": project.status, "reason": project.status_reason}
    return _json(
        {
            "meta": {"api-version": API_VERSION, "_last-serial": project.last_serial},
            "name": project.name,
            "project-status": {key: value for key, value in status.items() if value},
            "versions": [release.version for release in project.releases],
            "files": [
                {**_simple_file(file), **_provenance("provenance", file, project.name, release, url)}
                for release in project.releases
                for file in release.files
            ],
        }
    )


def project_html(project: ProjectDetail, *, url: str) -> bytes:
    """A project's simple page, HTML form. One anchor a line: some tools read it with regular expressions."""
    metas = [f'<meta name="pypi:project-status" content="{project.status}">']
    if project.status_reason:
        metas.append(f'<meta name="pypi:project-status-reason" content="{escape(project.status_reason)}">')
    anchors = [
        _anchor(file, _provenance("data-provenance", file, project.name, release, url))
        for release in project.releases
        for file in release.files
    ]
    return _html(f"Links for {project.name}", metas, anchors, project.last_serial)


def legacy_project(project: ProjectDetail, shown: ReleaseInfo, *, url: str) -> bytes:
    """The JSON document of a project, which shows its release `shown` and lists all. `url` is the public one."""
    releases = {release.version: [_legacy_file(file, url) for file in release.files] for release in project.releases}
    return _json({**_legacy(project, shown, url), "releases": releases})


def legacy_release(project: ProjectDetail, shown: ReleaseInfo, *, url: str) -> bytes:
    """The JSON document of one release."""
    return _json(_legacy(project, shown, url))


def withheld_note() -> bytes:
    """What stands in place of a distribution file that was taken down."""
    return _json({"message": "This file is not available."})


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()


def _html(title: str, metas: list[str], anchors: list[str], serial: int) -> bytes:
    head = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta name="pypi:repository-version" content="{API_VERSION}">',
        *metas,
        f"<title>{title}</title>",
        "</head>",
        "<body>",
        f"<h1>{title}</h1>",
    ]
    lines = [*head, *(f"{anchor}<br>" for anchor in anchors), "</body>", "</html>", f"<!--SERIAL {serial}-->", ""]
    return "\n".join(lines).encode()


def _href(file: FileDetail) -> str:
    return f"../../{package(file.blake2, file.filename).key}"


def _provenance(key: str, file: FileDetail, name: ProjectName, release: ReleaseDetail, url: str) -> dict[str, str]:
    """Where a file's provenance is (PEP 740), for the files that have one."""
    if not file.has_provenance:
        return {}
    return {key: url + provenance(name, release.canonical, file.filename).path}


def _anchor(file: FileDetail, provenance_of: dict[str, str]) -> str:
    attributes = {"href": f"{_href(file)}#sha256={file.sha256}"}
    if file.requires_python:
        attributes["data-requires-python"] = file.requires_python
    if file.metadata_sha256:
        attributes["data-core-metadata"] = attributes["data-dist-info-metadata"] = f"sha256={file.metadata_sha256}"
    if file.yanked:
        attributes["data-yanked"] = file.yanked_reason
    attributes |= provenance_of
    text = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    return f"<a {text}>{file.filename}</a>"


def _simple_file(file: FileDetail) -> Json:
    entry: Json = {
        "filename": file.filename,
        "url": _href(file),
        "hashes": {"sha256": file.sha256},
        "size": file.size,
        "upload-time": f"{file.uploaded_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "yanked": (file.yanked_reason or True) if file.yanked else False,
        "core-metadata": _core_metadata(file),
    }
    if file.requires_python:
        entry["requires-python"] = file.requires_python
    return entry


def _core_metadata(file: FileDetail) -> object:
    return {"sha256": file.metadata_sha256} if file.metadata_sha256 else False


def _info(project: ProjectDetail, shown: ReleaseInfo, url: str) -> Json:
    metadata, release = shown.metadata, shown.release
    page = f"{url}/project/{project.name}/"
    labels = {"Homepage": metadata.home_page, "Download": metadata.download_url, **dict(metadata.project_urls)}
    return {
        "author": metadata.author,
        "author_email": metadata.author_email,
        "bugtrack_url": None,
        "classifiers": list(metadata.classifiers),
        "description": metadata.description,
        "description_content_type": metadata.description_content_type or None,
        "docs_url": None,
        "download_url": metadata.download_url,
        "downloads": {"last_day": -1, "last_month": -1, "last_week": -1},
        "dynamic": list(metadata.dynamic) or None,
        "home_page": metadata.home_page,
        "keywords": metadata.keywords,
        "license": metadata.license,
        "license_expression": metadata.license_expression or None,
        "license_files": list(metadata.license_files) or None,
        "maintainer": metadata.maintainer,
        "maintainer_email": metadata.maintainer_email,
        "name": project.display_name,
        "package_url": page,
        "platform": ",".join(metadata.platforms),
        "project_url": page,
        "project_urls": {label: link for label, link in labels.items() if link} or None,
        "provides_extra": list(metadata.provides_extra) or None,
        "release_url": f"{page}{release.version}/",
        "requires_dist": list(metadata.requires_dist) or None,
        "requires_python": metadata.requires_python,
        "summary": metadata.summary,
        "version": release.version,
        "yanked": _wholly_yanked(release),
        "yanked_reason": release.yanked_reason or None,
    }


def _legacy(project: ProjectDetail, shown: ReleaseInfo, url: str) -> Json:
    roles = [{"role": role, "user": user} for role, user in project.roles]
    return {
        "info": _info(project, shown, url),
        "last_serial": project.last_serial,
        "ownership": {"organization": None, "roles": roles},
        "urls": [_legacy_file(file, url) for file in shown.release.files],
        "vulnerabilities": [_vulnerability(each) for each in shown.vulnerabilities],
    }


def _vulnerability(known: Vulnerability) -> Json:
    return {
        "aliases": list(known.aliases),
        "details": known.details,
        "fixed_in": list(known.fixed_in),
        "id": known.identifier,
        "link": known.link,
        "source": "osv",
        "summary": known.summary or None,
        "withdrawn": None,
    }


def _wholly_yanked(release: ReleaseDetail) -> bool:
    return release.yanked or (bool(release.files) and all(file.yanked for file in release.files))


def _legacy_file(file: FileDetail, url: str) -> Json:
    return {
        "comment_text": file.comment or None,
        "core-metadata": _core_metadata(file),
        "digests": {"blake2b_256": file.blake2, "md5": file.md5, "sha256": file.sha256},
        "downloads": -1,
        "filename": file.filename,
        "has_sig": False,
        "md5_digest": file.md5,
        "packagetype": file.kind,
        "python_version": file.python_tag,
        "requires_python": file.requires_python or None,
        "size": file.size,
        "upload_time": f"{file.uploaded_at:%Y-%m-%dT%H:%M:%S}",
        "upload_time_iso_8601": f"{file.uploaded_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "url": f"{url}/{package(file.blake2, file.filename).key}",
        "yanked": file.yanked,
        "yanked_reason": (file.yanked_reason or None) if file.yanked else None,
    }
